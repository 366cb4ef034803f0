// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target here: warnings are errors, and each place where memory safety rests on us says `unsafe`.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// Kernels must give the same bits everywhere. Contraction is turned off in each file by a pragma, so that no
/// `unsafeFlags` are needed here: those would bar the package from being a dependency.
let kernelSettings: [CSetting] = []

/// A library module. Dependencies name other modules of this package; the order below is the direction of imports.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ module: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
  .testTarget(
    name: "\(module)Tests", dependencies: [.init(stringLiteral: module)] + dependencies, resources: resources,
    swiftSettings: strict)
}

let package = Package(
  name: "alora",
  platforms: [.macOS(.v15)],
  products: [],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(name: "CAloraKernels", cSettings: kernelSettings),
    module("AloraTensors", ["CAloraKernels"]),
    tests("AloraTensors"),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)
