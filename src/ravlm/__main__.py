"""`python -m ravlm` is the command `ravlm`: `torchrun -m ravlm train ...` starts it in several processes."""

from ravlm.cli.main import main

if __name__ == "__main__":
    main()
