"""`ravlm knowledge`: build a knowledge base, change it, look into it. A model's folder serves for its own base."""

import typer

from ravlm.cli.console import examples
from ravlm.cli.knowledge import change, fill, look

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Build, change and look into knowledge bases.")

app.command(
    "build",
    epilog=examples(
        "ravlm knowledge build folder my-plants --out plants-kb",
        "ravlm knowledge build table products.csv --title name --text description --image photo --out shop-kb",
        "ravlm knowledge build wikipedia zhwiki-latest-pages-articles-multistream.xml.bz2 --out wiki-kb",
        "ravlm knowledge build wordnet /usr/share/wordnet --out wordnet-kb",
        "ravlm knowledge build conceptnet conceptnet-assertions-5.7.0.csv.gz --language en --language zh --out cn-kb",
        "ravlm knowledge build dataset flags --out flags-kb",
    ),
)(fill.build)
app.command(
    "add",
    epilog=examples(
        "ravlm knowledge add plants-kb wordnet /usr/share/wordnet",
        "ravlm knowledge add shop-kb table new.csv --source-name spring",
    ),
)(fill.add)
app.command(
    "sync",
    epilog=examples(
        "ravlm knowledge sync plants-kb folder my-plants", "ravlm knowledge sync model dataset flags --yes"
    ),
)(fill.sync)
app.command(
    "set",
    epilog=examples(
        "ravlm knowledge set flags-kb country-fr france.md",
        "ravlm knowledge set flags-kb country-xx zubrowka.md --title Zubrowka --image flag.png",
        "ravlm knowledge set model country-fr france.zh.md --language zh",
    ),
)(change.set_entry)
app.command(
    "remove",
    epilog=examples(
        "ravlm knowledge remove flags-kb country-fr country-de", "ravlm knowledge remove shop-kb --source spring"
    ),
)(change.remove)
app.command("rollback", epilog=examples("ravlm knowledge rollback flags-kb 12"))(change.rollback)
app.command(
    "compact", epilog=examples("ravlm knowledge compact flags-kb", "ravlm knowledge compact flags-kb --keep-days 0")
)(change.compact)
app.command("info", epilog=examples("ravlm knowledge info flags-kb", "ravlm knowledge info model --json"))(look.info)
app.command("show", epilog=examples("ravlm knowledge show flags-kb country-fr"))(look.show)
app.command("verify", epilog=examples("ravlm knowledge verify flags-kb"))(look.verify)
app.command("export", epilog=examples("ravlm knowledge export flags-kb --out flags-export"))(look.export)
