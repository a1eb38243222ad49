/** sherpa-onnx's own process (recogniser-host.ts). */
import { runHost, say } from './recogniser-host.ts';
import { openRecogniser, settings } from './sherpa-library.ts';
import { SherpaListening } from './sherpa-listening.ts';

await runHost(
  'sherpa-start',
  async (argument) => new SherpaListening(openRecogniser(settings.parse(JSON.parse(argument))), say),
);
