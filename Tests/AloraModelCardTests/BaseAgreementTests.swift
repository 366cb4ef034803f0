import AloraModelCard
import Testing

@Suite struct BaseAgreementTests {
  @Test(arguments: [
    ("HuggingFaceTB/SmolLM2-135M-Instruct", "SmolLM2-135M-Instruct", true),
    ("smollm2-135M-8k-lc100k-mix1-ep2", "HuggingFaceTB/SmolLM2-135M-Instruct", false),
    ("ibm-granite/granite-4.0-micro", "ibm-granite/Granite-4.0-Micro", true),
    ("Granite 4.0 Micro", "ibm-granite/granite-4.0-micro", false),
    ("unsloth/Llama-3.2-1B-Instruct", "meta-llama/Llama-3.2-1B-Instruct", true),
    ("Qwen2.5 7B Instruct GGUF", "Qwen/Qwen2.5-7B-Instruct", false),
    ("google/gemma-2-2b-it", "unsloth/gemma-2-2b-it", true),
  ]) func namesOfOneModelAgree(_ given: String, _ adapterBase: String, _ isWhole: Bool) {
    #expect(!BaseAgreement.contradicts(given, adapterBase: adapterBase, isWholeName: isWhole))
  }

  @Test(arguments: [
    ("HuggingFaceTB/SmolLM2-360M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", true),
    ("HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M-Instruct", true),
    ("smollm2-360M", "HuggingFaceTB/SmolLM2-135M-Instruct", false),
    ("Qwen/Qwen3-4B", "ibm-granite/granite-4.0-micro", true),
    ("ibm-granite/granite-3.3-8b-base", "ibm-granite/granite-3.3-8b-instruct", false),
    ("mistralai/Mistral-7B-v0.1", "meta-llama/Llama-2-7b", true),
  ]) func namesOfDifferentModelsContradict(_ given: String, _ adapterBase: String, _ isWhole: Bool) {
    #expect(BaseAgreement.contradicts(given, adapterBase: adapterBase, isWholeName: isWhole))
  }
}
