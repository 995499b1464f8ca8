"""What the framework costs and the machine gives: `python scripts/benchmark.py [LETTER|WORD …]`."""

if __name__ == "__main__":  # the import too: a process that is started to be measured needs little
    from measured.cli import main

    main()
