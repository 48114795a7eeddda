/**
 * The seed's program names and the verbs, with options, they stand for (design.md, decision 17): a link of that name to plump runs the
 * verb. A new name is one line here and one file beside this one.
 */
export const SEED_NAMES: Readonly<Record<string, string>> = {
  showmap: 'showmap', setpe: 'setpe', migrate: 'migrate', netsetup: 'netsetup', mosctl: 'mosctl', tune: 'tune', mosmon: 'mosmon', mon: 'mosmon',
  mosrun: 'run', mps: 'mps', mtop: 'mtop', runon: 'runon', runhome: 'run --home', nomig: 'run --nomig',
  cpujob: 'run --cpujob', iojob: 'run --iojob', nodecay: 'run --decay none', slowdecay: 'run --decay slow', fastdecay: 'run --decay fast',
}
