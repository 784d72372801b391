"""The long run: ``python -m tests.fuzz --cases 2000 --seed 1``, or ``make fuzz N=2000``.

It prints the seed, every finding as it is made, and ends with 1 if there was one. ``--keep FOLDER`` writes
the mutants of the findings there.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz.campaign import Finding, mutant, run, seed_of_today
from tests.fuzz.subjects import draw_subjects


def main() -> int:
    """Run the campaign that the command line describes."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=1000, help="mutants of each kind (default 1000)")
    parser.add_argument("--seed", type=int, default=seed_of_today(), help="by default another one each time")
    parser.add_argument("--kind", action="append", help="only this kind of file; may be given again")
    parser.add_argument("--keep", type=Path, help="folder for the mutants of the findings")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        subjects = draw_subjects(Path(folder))
        chosen = [each for each in subjects if options.kind is None or each.kind in options.kind]
        if not chosen:
            parser.error(f"the kinds are {', '.join(each.kind for each in subjects)}")

        def report(_number: int, finding: Finding | None) -> None:
            if finding is None:
                return
            print(f"\n{finding.kind} {finding.number}, from {finding.whole}: {finding.reason}", flush=True)
            print(finding.trace, flush=True)
            if options.keep is not None:
                options.keep.mkdir(parents=True, exist_ok=True)
                subject = next(each for each in chosen if each.kind == finding.kind)
                name, data = mutant(subject, finding.seed, finding.number)
                (options.keep / f"{finding.kind.replace(' ', '_')}-{finding.number}-{name}").write_bytes(data)

        found = run(chosen, options.cases, options.seed, report=report)
    print(f"{options.cases} mutants of each of {len(chosen)} kinds, {len(found)} findings", flush=True)
    return 1 if found else 0


sys.exit(main())
