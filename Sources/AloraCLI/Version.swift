/// The version of the command, shown by `--version` and written into reports.
let aloraVersion = "0.2.0"
