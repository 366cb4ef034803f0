package import AloraSystem
internal import NIOCore

/// Why a server can't listen on its address.
package struct ListenError: DiagnosedError {
  package let place: String?
  package let problem: String
  package let remedy: Remedy?
  package var path: String? { nil }
  package var category: ErrorCategory { .inputOutput }

  init(address: String, _ error: any Error) {
    place = address
    let number = (error as? IOError)?.errnoCode
    switch number {
    case EADDRINUSE:
      problem = "another process uses the port"
      remedy = "choose another port, or end that process"
    case EACCES:
      problem = "this user may not listen on the port"
      remedy = "choose a port from 1024 on"
    case EADDRNOTAVAIL:
      problem = "the address doesn't belong to this machine"
      remedy = "choose 127.0.0.1, or an address of this machine"
    case let number?:
      // Safe: the system's text is NUL-terminated.
      problem = "can't listen: \(unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)")"
      remedy = nil
    case nil:
      problem = error is SocketAddressError ? "the host is not found" : "can't listen: \(error)"
      remedy = nil
    }
  }
}
