# A Homebrew formula. `make dist` fills in the version, the address and the digest; it goes into a tap.
class Alora < Formula
  desc "Convert LoRA and Activated LoRA adapters to GGUF, and prove them bit for bit"
  homepage "https://github.com/OWNER/alora"
  url "@URL@"
  version "@VERSION@"
  sha256 "@SHA256@"
  license "Apache-2.0"

  depends_on "pkgconf" => :build
  depends_on xcode: ["26.0", :build]
  depends_on "json-c"
  depends_on "libyaml"
  depends_on macos: :sequoia
  depends_on "oniguruma"
  depends_on "openblas"

  uses_from_macos "swift" => :build, since: :tahoe
  uses_from_macos "zlib"

  def install
    system "swift", "build", "--disable-sandbox", "--configuration", "release", "--product", "alora"
    bin.install ".build/release/alora"
    generate_completions_from_executable(bin/"alora", "--generate-completion-script")
  end

  test do
    assert_equal version.to_s, shell_output("#{bin}/alora --version").strip
    output = shell_output("#{bin}/alora inspect nowhere 2>&1", 4)
    assert_match "nowhere", output
  end
end
