/// What the variables of CI systems say about this process.
package enum ContinuousIntegration {
  /// The variable that shows that a CI system runs this process: GitHub, GitLab and most others; Jenkins and TeamCity; Azure.
  ///
  /// - Parameter environment: gives a variable's value; nil if it isn't set.
  /// - Returns: nil outside of CI.
  package static func variable(_ environment: (String) -> String? = { FileSystem.environment($0) }) -> String? {
    ["CI", "BUILD_NUMBER", "TF_BUILD"].first { name in
      !["", "0", "false"].contains(environment(name)?.lowercased() ?? "")
    }
  }

  /// Whether a CI system may read what is written to its log as commands.
  package static let readsLog =
    FileSystem.environment("GITHUB_ACTIONS") == "true" || FileSystem.environment("TF_BUILD") != nil

  /// The file that collects the summary of a step of GitHub Actions; nil elsewhere.
  package static var stepSummaryPath: String? {
    FileSystem.environment("GITHUB_STEP_SUMMARY").flatMap { $0.isEmpty ? nil : $0 }
  }
}
