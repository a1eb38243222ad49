import { expect, onTestFinished, test, vi } from 'vitest';
import { openDatabase } from '../relay/database.ts';
import { temporaryFolder } from './harness/programs.ts';
import { VirtualFeed } from './harness/virtual-feed.ts';

/** A feed in the midst of speech, told to stop; whether it has. */
async function stopping(endsItself: boolean) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  const folder = temporaryFolder();
  const db = openDatabase(folder.path);
  onTestFinished(() => {
    vi.useRealTimers();
    db.close();
    folder.remove();
  });
  const virtual = new VirtualFeed({ db });
  await virtual.talk(20, -28, -58);
  await virtual.play(0.5, -28); // words that are open still
  const session = virtual.sessions.at(-1);
  if (!session) throw new Error('no session');
  if (!endsItself) session.end = () => {};
  const before = virtual.said.length;
  const stopped = vi.fn();
  void virtual.feed.stop(3000).then(stopped);
  return { virtual, session, stopped, before };
}

test('a feed has stopped as soon as its session has said its last words', async () => {
  const { virtual, session, stopped, before } = await stopping(true);
  expect(session.endedMs).toBeNull();
  await vi.advanceTimersByTimeAsync(300);
  expect(stopped).toHaveBeenCalled();
  expect(virtual.said.length).toBeGreaterThan(before);
});

test('a session that never ends is aborted when its time is over, and not before', async () => {
  const { session, stopped } = await stopping(false);
  await vi.advanceTimersByTimeAsync(2900);
  expect(stopped).not.toHaveBeenCalled();
  expect(session.endedMs).toBeNull();
  await vi.advanceTimersByTimeAsync(200);
  expect(stopped).toHaveBeenCalled();
  expect(session.endedMs).not.toBeNull(); // aborted: nothing of it costs any more
});
