// The package's own file is served here; see packages.json.
export { default, encodeQR } from 'qr';
