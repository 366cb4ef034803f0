import AloraJSON
import AloraAdapters
import AloraTestSupport
import Testing

@Suite struct ModuleMatcherTests {
  /// PEFT's own answers, from testdata/peft/make_matching.py.
  @Test func targetsAndScalingsAreThoseOfPEFT() throws {
    let fixture = try JSONDocument(path: testData("peft/matching.json")).root
    let paths = try fixture["paths"].elements().map { try $0.string() }
    var compared = 0
    for item in try fixture["cases"].elements() {
      let configuration = try AdapterConfiguration(json: item["config"])
      let text = try item["config"].serialized
      let matcher = try ModuleMatcher(configuration)
      for (path, answer) in zip(paths, try item["targeted"].string()) {
        let targeted = try matcher.targets(module: path, isOutputLayer: false)
        #expect(targeted == (answer == "1"), "\(path) with \(text)")
        compared += 1
      }
      guard let scalings = try item[optional: "scalings"]?.elements() else { continue }
      for (path, scaling) in zip(paths, scalings) {
        let parts = try scaling.elements()
        let found = try matcher.scaling(ofModule: path)
        #expect(found.rank == (try parts[0].integer()), "\(path) with \(text)")
        #expect(found.alpha == (try parts[1].number()), "\(path)")
        #expect(found.value == Double(try parts[2].string()), "\(path)")
      }
    }
    #expect(compared > 5000)
  }

  @Test func allLinearLeavesTheOutputLayerOut() throws {
    let json = try parseJSON(#"{"peft_type": "LORA", "target_modules": "all-linear"}"#)
    let matcher = try ModuleMatcher(AdapterConfiguration(json: json))
    #expect(try matcher.targets(module: "model.layers.0.mlp.up_proj", isOutputLayer: false))
    #expect(try !matcher.targets(module: "lm_head", isOutputLayer: true))
  }

  @Test func hostilePatternsAreRefusedAndDoNotHang() throws {
    let bad = try AdapterConfiguration(json: parseJSON(#"{"peft_type": "LORA", "target_modules": "("}"#))
    #expect(throws: AdapterError.self) { try ModuleMatcher(bad) }
    let slow = try AdapterConfiguration(
      json: parseJSON(#"{"peft_type": "LORA", "rank_pattern": {"(a|aa|b?a)+(x+x+)+y": 2}}"#))
    let matcher = try ModuleMatcher(slow)
    let path = String(repeating: "a", count: 40) + String(repeating: "x", count: 3000)
    #expect(throws: AdapterError.self) { try matcher.scaling(ofModule: path) }
  }
}
