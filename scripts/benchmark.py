"""What the framework costs and the machine gives: `python scripts/benchmark.py [a b c …]`."""

from benchmarks.door import main

if __name__ == "__main__":
    main()
