import AloraTestSupport
import Testing

/// Changes a part of a checkpoint's config.json, which has to contain it.
func replace(_ old: String, with new: String, inConfigurationOf directory: String) throws {
  let path = "\(directory)/config.json"
  let text = String(decoding: try readFile(path), as: UTF8.self)
  try #require(text.contains(old))
  try writeFile(Array(text.replacing(old, with: new).utf8), to: path)
}
