package import AloraGeneration
internal import AloraSystem

extension DialogueLine {
  /// The commands, one on each line.
  package static let help = """
    /adapter NAME [TEXT]   switch to NAME, or to base, and answer TEXT if given
    /fork TEXT             answer TEXT, then forget it
    /reset                 forget the conversation; the cache keeps what was computed
    /cache                 show the cache's size
    /quit                  quit

    """
}

extension PrefixCache {
  /// Its size in one line.
  package var sizeText: String {
    "\(counted(blockCount, "block")), \(blockCounts.base) of them the base's; \(byteCount / 1_000_000) MB"
  }
}
