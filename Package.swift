// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target here: warnings are errors.
let common: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// In shipped modules, each place where memory safety rests on us says `unsafe`.
let strict = common + [.strictMemorySafety()]

/// Kernels must give the same bits everywhere. Contraction is turned off in each file by a pragma, so that no
/// `unsafeFlags` are needed here: those would bar the package from being a dependency.
let kernelSettings: [CSetting] = []

/// A library module. Dependencies name other modules of this package; the order below is the direction of imports.
///
/// - Parameter embedded: files whose bytes are compiled in.
func module(_ name: String, _ dependencies: [Target.Dependency] = [], embedded: [String] = []) -> Target {
  .target(
    name: name, dependencies: dependencies, resources: embedded.map { .embedInCode($0) }, swiftSettings: strict)
}

func tests(_ module: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .testTarget(
    name: "\(module)Tests", dependencies: [.init(stringLiteral: module)] + dependencies, exclude: exclude,
    swiftSettings: common)
}

let package = Package(
  name: "alora",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "alora", targets: ["AloraCLI"]),
    .library(name: "Alora", targets: ["Alora"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    // Without its traits: no Foundation beyond the essentials.
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    .systemLibrary(name: "CJSON", pkgConfig: "json-c", providers: [.apt(["libjson-c-dev"]), .brew(["json-c"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(name: "COnig", pkgConfig: "oniguruma", providers: [.apt(["libonig-dev"]), .brew(["oniguruma"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
    .systemLibrary(name: "CLinux"),
    .target(name: "CAloraKernels", cSettings: kernelSettings),
    .target(name: "CAllocation"),
    .target(name: "CArguments"),
    .target(name: "CArchitectureTable", exclude: ["architectures.json"]),
    module("AloraSystem", ["CArguments", "CLinux"]),
    module("AloraTensors", ["AloraSystem", "CAloraKernels"]),
    module("AloraJSON", ["AloraSystem", "CJSON"]),
    module("AloraYAML", ["AloraSystem", "CYAML"]),
    module("AloraRegex", ["AloraSystem", "COnig"]),
    module("AloraSchemas", ["AloraSystem", "AloraJSON"]),
    module("AloraModelCard", ["AloraSystem", "AloraRegex", "AloraYAML"]),
    module("AloraGGUF", ["AloraSystem", "AloraTensors"]),
    module("AloraNPZ", ["AloraTensors", "AloraSystem", "CZlib"]),
    module("AloraSafetensors", ["AloraSystem", "AloraJSON", "AloraTensors"]),
    module("AloraTokenization", ["AloraSystem", "AloraGGUF", "AloraJSON", "AloraRegex"]),
    module("AloraTemplates", ["AloraSystem", "AloraGGUF", "AloraJSON"]),
    module(
      "AloraModels",
      [
        "AloraSystem", "AloraGGUF", "AloraJSON", "AloraSafetensors", "AloraTemplates", "AloraTensors",
        "AloraTokenization", "CArchitectureTable",
      ]),
    module(
      "AloraAdapters",
      [
        "AloraModels", "AloraSystem", "AloraGGUF", "AloraJSON", "AloraRegex", "AloraSafetensors", "AloraTemplates",
        "AloraTensors", "AloraTokenization",
      ]),
    module(
      "AloraConversion",
      [
        "AloraModels", "AloraSystem", "AloraGGUF", "AloraJSON", "AloraModelCard", "AloraAdapters", "AloraSafetensors",
        "AloraTensors", "AloraTokenization",
      ]),
    module(
      "AloraMerge",
      [
        "AloraAdapters", "AloraGGUF", "AloraJSON", "AloraModels", "AloraSafetensors", "AloraSystem", "AloraTensors",
      ]),
    module(
      "AloraSwitch",
      [
        "AloraAdapters", "AloraGGUF", "AloraJSON", "AloraModels", "AloraSystem", "AloraTensors", "AloraTokenization",
      ]),
    module(
      "AloraInspection",
      [
        "AloraModels", "AloraSystem", "AloraGGUF", "AloraJSON", "AloraNPZ", "AloraAdapters", "AloraSafetensors",
        "AloraSwitch", "AloraTensors", "AloraTokenization",
      ]),
    module(
      "AloraInference",
      [
        "AloraModels", "AloraSystem", "AloraGGUF", "AloraJSON", "AloraAdapters", "AloraSafetensors", "AloraSwitch",
        "AloraTensors", "CAloraKernels",
      ]),
    module(
      "AloraGeneration",
      [
        "AloraModels", "AloraSystem", "AloraAdapters", "AloraGGUF", "AloraInference", "AloraJSON", "AloraSchemas",
        "AloraTemplates", "AloraTensors", "AloraTokenization",
      ]),
    module(
      "AloraIntrinsics",
      [
        "AloraAdapters", "AloraConversion", "AloraGeneration", "AloraJSON", "AloraModels", "AloraSchemas",
        "AloraSystem", "AloraTemplates", "AloraTokenization", "AloraYAML",
      ]),
    module(
      "AloraServing",
      [
        "AloraAdapters", "AloraGeneration", "AloraInference", "AloraJSON", "AloraModels", "AloraSystem",
        "AloraTensors", "AloraTokenization", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ]),
    module(
      "AloraServer",
      [
        "AloraServing", "AloraGeneration", "AloraInference", "AloraJSON", "AloraModels", "AloraRegex", "AloraSchemas",
        "AloraSystem", "AloraTensors",
        "AloraTokenization", .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"), .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ], embedded: ["Page/page.html"]),
    module(
      "AloraEngineCheck",
      [
        "AloraModels", "AloraSystem", "AloraInference", "AloraJSON", "AloraTokenization",
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
      ]),
    module(
      "AloraVerification",
      [
        "AloraAdapters", "AloraGeneration", "AloraModels", "AloraSystem", "AloraInference", "AloraJSON", "AloraMerge",
        "AloraNPZ", "AloraTensors",
      ]),
    module(
      "AloraReports",
      [
        "AloraModels", "AloraSystem", "AloraAdapters", "AloraConversion", "AloraEngineCheck", "AloraGGUF",
        "AloraGeneration", "AloraInference", "AloraInspection", "AloraIntrinsics", "AloraJSON", "AloraMerge",
        "AloraModelCard", "AloraNPZ", "AloraSafetensors", "AloraSwitch", "AloraTensors", "AloraTokenization",
        "AloraVerification",
      ]),
    module(
      "Alora",
      [
        "AloraAdapters", "AloraModels", "AloraSystem", "AloraConversion", "AloraGeneration", "AloraInference",
        "AloraInspection", "AloraJSON", "AloraReports", "AloraTensors", "AloraTokenization", "AloraVerification",
      ]),
    .executableTarget(
      name: "AloraCLI",
      dependencies: [
        "AloraModels", "AloraSystem", "AloraConversion", "AloraGGUF", "AloraGeneration", "AloraInference",
        "AloraInspection", "AloraIntrinsics", "AloraJSON", "AloraMerge", "AloraNPZ", "AloraAdapters", "AloraRegex",
        "AloraReports",
        "AloraEngineCheck", "AloraSchemas", "AloraServer", "AloraServing", "AloraSwitch", "AloraTensors",
        "AloraVerification", "AloraTokenization", "CAllocation",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .target(
      name: "AloraTestSupport",
      dependencies: [
        "AloraAdapters", "AloraSystem", "AloraGGUF", "AloraInference", "AloraJSON", "AloraSwitch", "AloraTensors",
      ],
      path: "Tests/AloraTestSupport",
      swiftSettings: common),
    // What the fuzzer feeds, for its corpus to be read again by the tests.
    .target(
      name: "AloraFuzzTargets",
      dependencies: [
        "AloraModels", "AloraSystem", "AloraConversion", "AloraGeneration", "AloraGGUF", "AloraInference",
        "AloraInspection", "AloraIntrinsics", "AloraJSON", "AloraMerge", "AloraModelCard", "AloraNPZ", "AloraAdapters",
        "AloraRegex",
        "AloraEngineCheck", "AloraSchemas", "AloraServer", "AloraServing", "AloraSwitch", "AloraTemplates",
        "AloraTensors", "AloraTestSupport", "AloraTokenization", "AloraVerification",
      ], path: "Tests/AloraFuzzTargets", swiftSettings: common),
    .testTarget(
      name: "AloraFuzzTests", dependencies: ["AloraSystem", "AloraFuzzTargets", "AloraTestSupport", "CZlib"],
      swiftSettings: common),
    tests("AloraTensors", ["AloraTestSupport", "CAloraKernels"]),
    tests(
      "AloraConversion",
      [
        "AloraModels", "AloraSystem", "AloraGGUF", "AloraInspection", "AloraJSON", "AloraNPZ", "AloraAdapters",
        "AloraSafetensors", "AloraTensors", "AloraTestSupport", "AloraTokenization",
      ]),
    tests("AloraModels", ["AloraSystem", "AloraGGUF", "AloraJSON", "AloraTestSupport", "AloraTokenization"]),
    tests(
      "AloraInference",
      [
        "AloraModels", "AloraSystem", "AloraConversion", "AloraGGUF", "AloraJSON", "AloraNPZ", "AloraAdapters",
        "AloraSafetensors", "AloraTensors", "AloraTestSupport", "CAloraKernels",
      ]),
    tests(
      "AloraGeneration",
      [
        "AloraAdapters", "AloraModels", "AloraSystem", "AloraInference", "AloraJSON", "AloraSchemas", "AloraSwitch",
        "AloraTemplates", "AloraTensors", "AloraTestSupport", "AloraTokenization",
      ]),
    tests(
      "AloraServing",
      [
        "AloraGeneration", "AloraInference", "AloraModels", "AloraSchemas", "AloraTensors", "AloraTestSupport",
        "AloraTokenization",
      ]),
    tests(
      "AloraServer",
      [
        "AloraGeneration", "AloraInference", "AloraJSON", "AloraModels", "AloraNPZ", "AloraServing", "AloraSwitch",
        "AloraSystem", "AloraTestSupport", "AloraTokenization",
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
    tests(
      "AloraSwitch",
      [
        "AloraGGUF", "AloraGeneration", "AloraInference", "AloraInspection", "AloraJSON", "AloraModels", "AloraNPZ",
        "AloraReports", "AloraSystem", "AloraTensors", "AloraTestSupport",
      ]),
    tests("AloraEngineCheck", ["AloraSystem", "AloraInference", "AloraJSON", "AloraTestSupport"]),
    tests(
      "AloraVerification",
      [
        "AloraAdapters", "AloraGeneration", "AloraInference", "AloraJSON", "AloraNPZ", "AloraSwitch", "AloraSystem",
        "AloraTensors", "AloraTestSupport",
      ]),
    tests(
      "AloraReports",
      [
        "AloraAdapters", "AloraConversion", "AloraEngineCheck", "AloraGeneration", "AloraInference", "AloraInspection",
        "AloraJSON", "AloraMerge", "AloraModelCard", "AloraModels", "AloraNPZ", "AloraSwitch", "AloraSystem",
        "AloraTensors", "AloraTestSupport", "AloraVerification",
      ], exclude: ["Snapshots"]),
    tests(
      "AloraMerge",
      [
        "AloraAdapters", "AloraGGUF", "AloraInference", "AloraJSON", "AloraModels", "AloraSafetensors", "AloraSystem",
        "AloraTensors", "AloraTestSupport",
      ]),
    tests("AloraInspection", ["AloraGGUF", "AloraModels", "AloraSystem", "AloraTensors", "AloraTestSupport"]),
    tests("Alora", ["AloraTestSupport"]),
    tests("AloraCLI", ["AloraGGUF", "AloraInference", "AloraJSON", "AloraNPZ", "AloraTensors", "AloraTestSupport"]),
    tests("AloraModelCard", ["AloraJSON", "AloraTestSupport"]),
    tests("AloraYAML"),
    tests(
      "AloraIntrinsics",
      [
        "AloraGeneration", "AloraJSON", "AloraModels", "AloraSystem", "AloraTemplates", "AloraTestSupport",
        "AloraTokenization", "AloraYAML",
      ]),
    tests(
      "AloraAdapters",
      [
        "AloraGGUF", "AloraModels", "AloraSystem", "AloraJSON", "AloraTemplates", "AloraTensors", "AloraTestSupport",
        "AloraTokenization",
      ]),
    tests(
      "AloraTemplates",
      ["AloraModels", "AloraSystem", "AloraJSON", "AloraTestSupport", "AloraTokenization"]),
    tests("AloraSchemas", ["AloraJSON", "AloraTestSupport"]),
    tests("AloraSystem"),
    tests("AloraRegex"),
    tests(
      "AloraTokenization",
      ["AloraModels", "AloraSystem", "AloraGGUF", "AloraJSON", "AloraRegex", "AloraTemplates", "AloraTestSupport"]),
    tests("AloraJSON", ["AloraSystem", "AloraTestSupport"]),
    tests("AloraSafetensors", ["AloraJSON", "AloraTensors", "AloraSystem", "AloraTestSupport"]),
    tests("AloraNPZ", ["AloraJSON", "AloraTensors", "AloraSystem", "AloraTestSupport"]),
    tests("AloraGGUF", ["AloraJSON", "AloraTensors", "AloraSystem", "AloraTestSupport"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)

// The fuzzer needs flags that only scripts/robustness fuzz gives; the package as others see it has no such target.
if Context.environment["ALORA_FUZZ"] != nil {
  package.targets += [
    .target(name: "CFuzzer", path: "Fuzz/CFuzzer"),
    .executableTarget(
      name: "AloraFuzz",
      dependencies: ["AloraSystem", "AloraFuzzTargets", "AloraInference", "CFuzzer", "CZlib"], path: "Fuzz/AloraFuzz",
      swiftSettings: common),
  ]
}
