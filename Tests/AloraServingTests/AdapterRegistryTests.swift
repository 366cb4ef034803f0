import AloraInference
import Testing

@testable import AloraServing

/// Which adapter a name stands for.
@Suite struct AdapterRegistryTests {
  private func registry() throws -> AdapterRegistry {
    let fixture = try EngineFixture()
    let registry = AdapterRegistry(baseNames: ["model", "other:name"])
    for (name, adapter) in zip(["one", "two:latest", "model:x"], fixture.adapters) {
      try registry.add(adapter, named: name)
    }
    return registry
  }

  @Test(
    arguments: [
      ("model", nil), ("other:name", nil), ("base", nil), ("model:latest", nil), ("one", "one"), ("one:latest", "one"),
      ("model:one", "one"), ("other:name:one", "one"), ("base:one", "one"), ("two:latest", "two:latest"),
      ("model:x", "model:x"), ("model:one:latest", "one"),
    ] as [(String, String?)]) func namesStandForAdapters(_ name: String, _ expected: String?) throws
  {
    #expect(try registry().resolve(name)?.name == expected)
  }

  @Test(arguments: ["", "two", "One", "one ", "model:", ":one", "model:none", "unknown:one", "latest", "one:two"])
  func othersAreUnknown(_ name: String) throws {
    let registry = try registry()
    #expect(throws: AdapterNameError.unknown(name)) { try registry.resolve(name) }
  }

  @Test func aNameIsTakenOnceAndFreeAfterwards() throws {
    let registry = try registry()
    let adapter = try EngineFixture().adapters[0]
    for name in ["one", "model", "base"] {
      #expect(throws: AdapterNameError.taken(name)) { try registry.add(adapter, named: name) }
    }
    let removed = try registry.remove(named: "one")
    registry.setStanding(removed)
    let again = try registry.add(adapter, named: "one")
    #expect(again.id != removed.id)
    #expect(throws: AdapterNameError.unknownNumber(removed.id)) { try registry.adapter(id: removed.id) }
  }

  @Test func anUnloadedAdapterAnswersNothingMore() throws {
    let registry = try registry()
    registry.setStanding(try registry.adapter(id: 0).scaled(by: 0.5))
    #expect(registry.standing?.name == "one" && registry.standing?.scale == 0.5)
    try registry.remove(named: "one")
    #expect(registry.standing == nil)
  }
}
