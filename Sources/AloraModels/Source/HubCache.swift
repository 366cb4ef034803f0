/// Hugging Face's cache of downloads.
package enum HubCache {
  /// `org/name` of the repository that a path leads into; nil for a path outside the cache.
  ///
  /// Source: huggingface_hub `file_download.py` (`repo_folder_name`): `models--org--name/snapshots/…`.
  package static func repository(ofPath path: String) -> String? {
    let prefix = "models--"
    let folder = path.split(separator: "/").last { $0.hasPrefix(prefix) }
    return folder.map { String($0.dropFirst(prefix.count)).replacing("--", with: "/") }
  }
}
