/** The part of SpeexDSP's resampler that device/resampler.ts uses; the package itself has no types. */
declare module '@echogarden/speex-resampler-wasm/simd' {
  export interface SpeexModule {
    /** Views on the module's memory; they are replaced when it grows, so never keep one. */
    readonly HEAPF32: Float32Array;
    readonly HEAPU32: Uint32Array;
    _malloc(bytes: number): number;
    _free(address: number): void;
    /** Returns the state's address, 0 when it failed; the reason goes to `errorAddress`. */
    _speex_resampler_init(
      channels: number,
      inRateHz: number,
      outRateHz: number,
      quality: number,
      errorAddress: number,
    ): number;
    _speex_resampler_destroy(state: number): void;
    /** Leaves out the filter's own delay: the first sample out belongs to the first sample in. */
    _speex_resampler_skip_zeros(state: number): number;
    /** Sample frames of input that are still inside the filter. */
    _speex_resampler_get_input_latency(state: number): number;
    /** The two lengths are sample frames: room given before, used and written after. */
    _speex_resampler_process_interleaved_float(
      state: number,
      input: number,
      inputLength: number,
      output: number,
      outputLength: number,
    ): number;
  }
  export default function load(): Promise<SpeexModule>;
}
