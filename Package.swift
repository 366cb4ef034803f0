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
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ module: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
  .testTarget(
    name: "\(module)Tests", dependencies: [.init(stringLiteral: module)] + dependencies, resources: resources,
    swiftSettings: common)
}

let package = Package(
  name: "alora",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "alora", targets: ["AloraCLI"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
  ],
  targets: [
    .systemLibrary(name: "CJSON", pkgConfig: "json-c", providers: [.apt(["libjson-c-dev"]), .brew(["json-c"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(name: "COnig", pkgConfig: "oniguruma", providers: [.apt(["libonig-dev"]), .brew(["oniguruma"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"]), .brew(["libyaml"])]),
    .systemLibrary(name: "CLinux"),
    .target(name: "CAloraKernels", cSettings: kernelSettings),
    .target(name: "CAllocation"),
    module("AloraTensors", ["CAloraKernels"]),
    module("AloraBytes", ["AloraTensors", "CLinux"]),
    module("AloraJSON", ["AloraBytes", "CJSON"]),
    module("AloraRegex", ["COnig"]),
    module("AloraModelCard", ["AloraBytes", "AloraRegex", "CYAML"]),
    module("AloraGGUF", ["AloraBytes", "AloraTensors"]),
    module("AloraNPZ", ["AloraTensors", "AloraBytes", "CZlib"]),
    module("AloraSafetensors", ["AloraBytes", "AloraJSON", "AloraTensors"]),
    module("AloraPEFT", ["AloraBytes", "AloraJSON", "AloraRegex", "AloraSafetensors", "AloraTensors"]),
    module("AloraTokenization", ["AloraBytes", "AloraGGUF", "AloraJSON", "AloraRegex"]),
    module("AloraArchitectures", ["AloraBytes", "AloraGGUF", "AloraJSON", "AloraTensors", "CAloraKernels"]),
    module(
      "AloraConversion",
      ["AloraArchitectures", "AloraBytes", "AloraGGUF", "AloraModelCard", "AloraPEFT", "AloraTensors", "CAloraKernels"]),
    module(
      "AloraInspection",
      [
        "AloraArchitectures", "AloraBytes", "AloraGGUF", "AloraJSON", "AloraNPZ", "AloraPEFT", "AloraSafetensors",
        "AloraTensors",
        "CAloraKernels",
      ]),
    module(
      "AloraInference",
      [
        "AloraArchitectures", "AloraBytes", "AloraConversion", "AloraGGUF", "AloraJSON", "AloraPEFT",
        "AloraSafetensors", "AloraTensors", "CAloraKernels",
      ]),
    module(
      "AloraGeneration",
      [
        "AloraArchitectures", "AloraBytes", "AloraGGUF", "AloraInference", "AloraJSON", "AloraTokenization",
        "CAloraKernels",
      ]),
    module("AloraServerCheck", ["AloraBytes", "AloraInference", "AloraJSON"]),
    module(
      "AloraVerification",
      ["AloraArchitectures", "AloraBytes", "AloraInference", "AloraJSON", "AloraNPZ", "AloraTensors"]),
    module("AloraReports", ["AloraBytes", "AloraInference", "AloraServerCheck", "AloraVerification"]),
    .executableTarget(
      name: "AloraCLI",
      dependencies: [
        "AloraArchitectures", "AloraBytes", "AloraConversion", "AloraGGUF", "AloraGeneration", "AloraInference",
        "AloraInspection", "AloraJSON", "AloraModelCard", "AloraNPZ", "AloraPEFT", "AloraRegex", "AloraReports",
        "AloraSafetensors",
        "AloraServerCheck", "AloraTensors", "AloraVerification", "AloraTokenization", "CAllocation",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    .target(
      name: "AloraTestSupport", dependencies: ["AloraBytes", "AloraInference", "AloraJSON"],
      path: "Tests/AloraTestSupport",
      swiftSettings: common),
    // What the fuzzer feeds, for its corpus to be read again by the tests.
    .target(
      name: "AloraFuzzTargets",
      dependencies: [
        "AloraArchitectures", "AloraBytes", "AloraConversion", "AloraGeneration", "AloraGGUF", "AloraInference",
        "AloraInspection", "AloraJSON", "AloraModelCard", "AloraNPZ", "AloraPEFT", "AloraRegex", "AloraServerCheck",
        "AloraTensors", "AloraTokenization", "AloraVerification",
      ], path: "Tests/AloraFuzzTargets", swiftSettings: common),
    .testTarget(
      name: "AloraFuzzTests", dependencies: ["AloraBytes", "AloraFuzzTargets", "AloraTestSupport", "CZlib"],
      swiftSettings: common),
    tests("AloraTensors"),
    tests(
      "AloraConversion",
      [
        "AloraArchitectures", "AloraBytes", "AloraGGUF", "AloraJSON", "AloraNPZ", "AloraPEFT", "AloraTensors",
        "AloraTestSupport", "AloraTokenization",
        .product(name: "Crypto", package: "swift-crypto"),
      ]),
    tests("AloraArchitectures", ["AloraBytes", "AloraGGUF", "AloraJSON", "AloraTestSupport"]),
    tests(
      "AloraInference",
      [
        "AloraArchitectures", "AloraBytes", "AloraConversion", "AloraGGUF", "AloraJSON", "AloraNPZ", "AloraPEFT",
        "AloraSafetensors", "AloraTensors", "AloraTestSupport", "CAloraKernels",
      ]),
    tests(
      "AloraGeneration",
      ["AloraBytes", "AloraInference", "AloraTestSupport", "AloraTokenization"]),
    tests("AloraServerCheck", ["AloraBytes", "AloraInference", "AloraJSON", "AloraTestSupport"]),
    tests("AloraVerification", ["AloraInference", "AloraTestSupport"]),
    tests("AloraReports", ["AloraInference", "AloraTestSupport", "AloraVerification"]),
    tests("AloraInspection", ["AloraGGUF", "AloraTensors", "AloraTestSupport"]),
    tests("AloraCLI", ["AloraInference", "AloraJSON", "AloraNPZ", "AloraTensors", "AloraTestSupport"]),
    tests("AloraModelCard", ["AloraJSON", "AloraTestSupport"]),
    tests("AloraPEFT", ["AloraBytes", "AloraJSON", "AloraTestSupport"]),
    tests("AloraBytes"),
    tests("AloraRegex"),
    tests(
      "AloraTokenization",
      ["AloraBytes", "AloraGGUF", "AloraJSON", "AloraTestSupport", .product(name: "Crypto", package: "swift-crypto")]),
    tests("AloraJSON", ["AloraBytes"]),
    tests("AloraSafetensors", ["AloraJSON", "AloraTensors", "AloraBytes", "AloraTestSupport"]),
    tests("AloraNPZ", ["AloraJSON", "AloraTensors", "AloraBytes", "AloraTestSupport"]),
    tests("AloraGGUF", ["AloraJSON", "AloraTensors", "AloraBytes", "AloraTestSupport"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)

// The fuzzer needs flags that only scripts/fuzz.py gives; the package as others see it has no such target.
if Context.environment["ALORA_FUZZ"] != nil {
  package.targets += [
    .target(name: "CFuzzer", path: "Fuzz/CFuzzer"),
    .executableTarget(
      name: "AloraFuzz",
      dependencies: ["AloraBytes", "AloraFuzzTargets", "AloraInference", "CFuzzer", "CZlib"], path: "Fuzz/AloraFuzz",
      swiftSettings: common),
  ]
}
