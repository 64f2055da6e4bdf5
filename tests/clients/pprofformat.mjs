// Decodes a gzipped pprof profile with the npm package pprof-format, which is none of ours; prints it as JSON.
// node pprofformat.mjs FILE
import {readFileSync} from 'node:fs';
import {gunzipSync} from 'node:zlib';
import {load} from './browser.mjs';

const profile = load('pprof-format').Profile.decode(gunzipSync(readFileSync(process.argv[2])));
const text = index => profile.stringTable.strings[Number(index)];
const functions = new Map(profile.function.map(found => [found.id, found]));
const places = new Map(profile.location.map(place => [place.id, place.line.map(line => {
  const found = functions.get(line.functionId);
  return `${text(found.name)} ${text(found.filename)}:${line.line}`;
}).join()]));
console.log(JSON.stringify({
  sampleTypes: profile.sampleType.map(type => `${text(type.type)}/${text(type.unit)}`),
  defaultSampleType: text(profile.defaultSampleType),
  period: `${profile.period} ${text(profile.periodType.type)}/${text(profile.periodType.unit)}`,
  timeNanos: String(profile.timeNanos),
  durationNanos: String(profile.durationNanos),
  comments: profile.comment.map(text),
  samples: profile.sample.map(sample => [...sample.locationId.map(id => places.get(id)), sample.value.map(String).join(' ')]),
}, null, 1));
