/** Which model folders there are, and which languages each speaks. */
import { readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Explained, SalaError } from '../../systemd/errors.ts';
import { problemOfReading } from './sherpa-files.ts';

export interface SherpaModel {
  readonly folder: string;
  /** Primary subtags, e.g. `it`; empty where nothing says which. */
  readonly languages: readonly string[];
}

/** Names of languages that published models carry in place of their codes. */
const written: Readonly<Record<string, string>> = {
  arabic: 'ar',
  bengali: 'bn',
  cantonese: 'yue',
  chinese: 'zh',
  english: 'en',
  french: 'fr',
  german: 'de',
  italian: 'it',
  japanese: 'ja',
  korean: 'ko',
  portuguese: 'pt',
  russian: 'ru',
  spanish: 'es',
  thai: 'th',
  vietnamese: 'vi',
};
const codes = new Intl.DisplayNames('en', { type: 'language', fallback: 'none' });

const primaryLanguage = (tag: string) => new Intl.Locale(tag).language;

/** The languages that a folder's name names: `sherpa-onnx-streaming-zipformer-bilingual-zh-en-2023-02-20` is `zh`, `en`. */
export function languagesOfName(name: string): string[] {
  const parts = name.toLowerCase().split(/[^a-z]+/);
  const found = parts.flatMap((part) => written[part] ?? (part.length === 2 && codes.of(part) ? part : []));
  return [...new Set(found)];
}

const isModel = (names: readonly string[]) => names.some((name) => name.endsWith('.onnx') || name === 'tokens.txt');

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (cause) {
    throw problemOfReading(folder, 'The model folder', cause);
  }
}

/**
 * The model in `folder`, or those in the folders within it.
 * @param languages tags of what the model in `folder` speaks; null: what folder names say
 * @throws {SalaError} `sherpa-folder` or `sherpa-unreadable`
 */
export function findModels(folder: string, languages: readonly string[] | null): SherpaModel[] {
  const path = resolve(folder);
  const names = list(path);
  if (isModel(names))
    return [{ folder: path, languages: languages?.map(primaryLanguage) ?? languagesOfName(basename(path)) }];
  const models = names
    .map((name) => join(path, name))
    .filter((each) => {
      try {
        return isModel(readdirSync(each));
      } catch {
        return false; // a file, or a folder that is not for us
      }
    });
  if (models.length === 0)
    throw new SalaError(`There is no model in the folder ${path}`, {
      code: 'sherpa-folder',
      hint: 'Put a streaming model of sherpa-onnx there: its .onnx files and tokens.txt, or one folder for each model.',
    });
  return models.map((each) => ({ folder: each, languages: languagesOfName(basename(each)) }));
}

/** The first model that speaks `language`, or why there is none. */
export function modelFor(models: readonly SherpaModel[], language: string): SherpaModel | Explained {
  const wanted = primaryLanguage(language);
  const found = models.find(({ languages }) => languages.includes(wanted));
  if (found) return found;
  const mute = models.find(({ languages }) => languages.length === 0);
  if (mute)
    return {
      code: 'language-unknown',
      message: `Nothing says which language the sherpa-onnx model ${basename(mute.folder)} speaks, and the room's is ${language}`,
      hint: `Say it with --sherpa-language ${wanted}, or in the name of the model's folder, as in streaming-zipformer-${wanted}.`,
    };
  const spoken = [...new Set(models.flatMap(({ languages }) => languages))].join(', ');
  return {
    code: 'language-unsupported',
    message: `The sherpa-onnx ${models.length > 1 ? 'models here speak' : 'model here speaks'} ${spoken}, not ${language}`,
    hint: `Give the room one of these languages or another engine, or the relay a model for ${wanted} (--sherpa-model).`,
  };
}
