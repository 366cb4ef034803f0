internal import AloraSystem

/// The time by which something must be done.
struct Deadline {
  private let end: Double

  init(after seconds: Double) { end = MonotonicClock.seconds + seconds }

  /// The remaining time, rounded up, for poll(2); 0 after the deadline.
  var milliseconds: Int32 { Int32(max(0, min(1e9, ((end - MonotonicClock.seconds) * 1000).rounded(.up)))) }

  /// The deadline of the first of `count` attempts, if each gets the same time.
  func share(of count: Int) -> Deadline { Deadline(after: (end - MonotonicClock.seconds) / Double(max(1, count))) }
}

/// A connection to a server. The socket never blocks: every wait is a poll(2) that ends by the deadline.
struct TCPConnection: ~Copyable {
  private let descriptor: Int32
  private let url: String
  private let deadline: Deadline

  deinit { _ = close(descriptor) }

  /// Connects to the first of the host's addresses that answers.
  ///
  /// Each gets a share of the remaining time, so that one that doesn't answer doesn't block the others.
  /// - Throws: `unreachable`, `timedOut`.
  init(to address: ServerAddress, url: String, deadline: Deadline) throws(ServerError) {
    var hints = unsafe addrinfo()
    unsafe hints.ai_flags = AI_NUMERICSERV
    unsafe hints.ai_family = AF_UNSPEC
    #if canImport(Glibc)
      unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
      unsafe hints.ai_socktype = SOCK_STREAM
    #endif
    var list: UnsafeMutablePointer<addrinfo>?
    // Safe: both texts are NUL-terminated for the call; the list it makes is given back below.
    let status = unsafe getaddrinfo(address.host, String(address.port), &hints, &list)
    guard status == 0 else {
      throw ServerError(
        .unreachable, url: url,
        "the host '\(address.host)' is not found: \(unsafe String(cString: gai_strerror(status)))")
    }
    defer { unsafe freeaddrinfo(list) }
    var left = 0
    var counted = unsafe list
    while let info = unsafe counted {
      left += 1
      unsafe counted = info.pointee.ai_next
    }
    var reason = "it has no address"
    var next = unsafe list
    while let info = unsafe next {
      let result = unsafe Self.connected(info.pointee, deadline.share(of: left))
      left -= 1
      switch result {
      case .success(let descriptor):
        self.descriptor = descriptor
        self.url = url
        self.deadline = deadline
        return
      case .failure(let failure):
        if failure.code == ETIMEDOUT && deadline.milliseconds == 0 {
          throw ServerError(.timedOut, url: url, "the connection timed out")
        }
        reason = failure.text
      }
      unsafe next = info.pointee.ai_next
    }
    throw ServerError(.unreachable, url: url, "cannot connect: \(reason)")
  }

  private struct SystemFailure: Error {
    let code: Int32
    var text: String { unsafe strerror(code).map { unsafe String(cString: $0).lowercased() } ?? "error \(code)" }
  }

  private static func connected(_ info: addrinfo, _ deadline: Deadline) -> Result<Int32, SystemFailure> {
    let descriptor = unsafe socket(info.ai_family, info.ai_socktype, info.ai_protocol)
    guard descriptor >= 0 else { return .failure(SystemFailure(code: errno)) }
    func failed(_ code: Int32) -> Result<Int32, SystemFailure> {
      _ = close(descriptor)
      return .failure(SystemFailure(code: code))
    }
    guard fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0,
      fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
    else { return failed(errno) }
    #if !canImport(Glibc) && !canImport(Musl)
      var on: Int32 = 1
      _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
    #endif
    // Safe: getaddrinfo made the address, of the length it says.
    if unsafe connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 { return .success(descriptor) }
    guard errno == EINPROGRESS || errno == EINTR else { return failed(errno) }
    guard wait(descriptor, for: POLLOUT, deadline) else { return failed(ETIMEDOUT) }
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    // Safe: both point to values of this frame, of the size that `length` says.
    guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return failed(errno) }
    return code == 0 ? .success(descriptor) : failed(code)
  }

  /// Whether the socket became ready before the deadline.
  private static func wait(_ descriptor: Int32, for event: some BinaryInteger, _ deadline: Deadline) -> Bool {
    var item = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    while true {
      let left = deadline.milliseconds
      let count = unsafe poll(&item, 1, left)
      if count > 0 { return true }
      if count == 0 || (count < 0 && errno != EINTR) || left == 0 { return false }
    }
  }

  /// - Throws: `timedOut`, `connectionLost`.
  func send(_ bytes: [UInt8]) throws(ServerError) {
    #if canImport(Glibc) || canImport(Musl)
      let flags = Int32(MSG_NOSIGNAL)
    #else
      let flags: Int32 = 0
    #endif
    var done = 0
    while done < bytes.count {
      // Safe: the rest of the array, for the time of the call.
      let count = unsafe bytes[done...].withUnsafeBytes { unsafe systemSend(descriptor, $0, flags) }
      if count > 0 {
        done += count
      } else if count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) {
        guard Self.wait(descriptor, for: POLLOUT, deadline) else {
          throw timedOut("the server didn't accept the request before the timeout")
        }
      } else if errno != EINTR {
        throw lost("the connection broke while the request was sent")
      }
    }
  }

  /// The bytes that have come; none at the end of the stream.
  ///
  /// - Throws: `timedOut`, `connectionLost`.
  func receive() throws(ServerError) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      // Safe: as many bytes as the buffer has, for the time of the call.
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
      if count >= 0 { return Array(buffer[..<count]) }
      if errno == EAGAIN || errno == EWOULDBLOCK {
        guard Self.wait(descriptor, for: POLLIN, deadline) else {
          throw timedOut("no complete answer before the timeout")
        }
      } else if errno != EINTR {
        throw lost("the connection broke before the answer was complete")
      }
    }
  }

  private func timedOut(_ problem: String) -> ServerError { ServerError(.timedOut, url: url, problem) }
  private func lost(_ problem: String) -> ServerError { ServerError(.connectionLost, url: url, problem) }
}

// The method of the same name would be found first. Safe: the buffer bounds what is read.
private func systemSend(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ flags: Int32) -> Int {
  unsafe send(descriptor, bytes.baseAddress, bytes.count, flags)
}
