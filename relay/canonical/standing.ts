import type { Recording } from '../archive/recordings.ts';
import type { FetchedTranscripts } from './fetched.ts';
import type { CanonicalServing } from './serving.ts';

/** How the transcript of a recording stands, for organizers. */
export interface Standing {
  readonly state: 'recording' | 'awaited' | 'published' | 'review' | 'live' | 'newer' | 'failed';
  readonly message: string;
  readonly hint: string;
}

/** In words, with what to do about it. */
export function standingOf(
  recording: Recording,
  { serving, fetched }: { serving: CanonicalServing; fetched: FetchedTranscripts },
): Standing {
  const { choice, failures } = fetched.state(recording.room, recording.talk);
  const newest = serving.newest(recording);
  const served = serving.served(recording);
  if (choice.kind === 'live')
    return {
      state: 'live',
      message: 'Readers have the live captions: an organizer went back to them.',
      hint: newest ? 'Publish the transcript of the recording to put it in their place.' : '',
    };
  if (served) {
    const { engine } = served.about;
    if (newest && newest.id !== served.id)
      return {
        state: 'newer',
        message: `Readers have the transcript that an organizer published (${engine}). Another one has come since (${newest.about.engine}).`,
        hint: 'Compare them, and publish the one that is better. Corrections stay with the version they were made in.',
      };
    return { state: 'published', message: `Readers have the transcript of the recording (${engine}).`, hint: '' };
  }
  if (newest)
    return {
      state: 'review',
      message: `A transcript has come from ${newest.about.engine}, which may invent words. Readers have the live captions.`,
      hint: 'Look through it beside the live captions, then publish it.',
    };
  const [failure] = failures;
  if (failure) return { state: 'failed', message: `No transcript: ${failure.message}`, hint: failure.hint };
  if (recording.state !== 'stored')
    return { state: 'recording', message: 'It is transcribed once its recording is in the store.', hint: '' };
  return {
    state: 'awaited',
    message: 'The recording is in the store; its transcript has not come yet.',
    hint: 'It comes by itself where a job runs. Where none does, run: npm run canonical.',
  };
}
