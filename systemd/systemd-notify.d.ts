declare module 'systemd-notify' {
  interface Options {
    ready?: boolean;
    status?: string;
    pid?: number;
  }
  export default function notify(options: Options): Promise<unknown>;
}
