/** Like `inside.ts`, for the device: also notes when each frame reached the buffer. The program itself is not touched. */
import { AudioBuffer } from '../../device/buffer.ts';
import { bytesPerSample } from '../../relay/protocol.js';
import { frames } from './inside.ts';

const frame = AudioBuffer.prototype.frame;
AudioBuffer.prototype.frame = function (position, audio) {
  frames.push([position, position + audio.length / bytesPerSample, performance.now()]);
  frame.call(this, position, audio);
};
