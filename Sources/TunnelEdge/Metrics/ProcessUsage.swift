import Foundation
import Glibc

/// What the operating system says of this process.
struct ProcessUsage: Sendable, Equatable {
  var cpuSeconds: Double
  /// Bytes.
  var virtualMemory: UInt64
  /// Bytes.
  var residentMemory: UInt64
  /// Unix time in seconds.
  var startTime: Double
  var openDescriptors: Int
  var descriptorLimit: Int

  /// `nil` where there is no procfs.
  static func current() -> ProcessUsage? {
    guard let process = try? FileAccess.readText("/proc/self/stat"),
      let machine = try? FileAccess.readText("/proc/stat")
    else { return nil }
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return ProcessUsage(
      process: process, machine: machine, ticks: sysconf(Int32(_SC_CLK_TCK)), page: sysconf(Int32(_SC_PAGESIZE)),
      openDescriptors: descriptors.count, descriptorLimit: DescriptorLimit.raise())
  }

  /// From the texts of proc(5). The name of the program stands in brackets and may hold blanks and brackets itself.
  init?(process: String, machine: String, ticks: Int, page: Int, openDescriptors: Int, descriptorLimit: Int) {
    guard let bracket = process.lastIndex(of: ")"), ticks > 0, page > 0 else { return nil }
    // The first of these is the third field of the line, the state.
    let fields = process[process.index(after: bracket)...].split { $0 == " " || $0 == "\n" }.map { UInt64($0) }
    guard fields.count > 21, let user = fields[11], let system = fields[12], let start = fields[19],
      let virtual = fields[20], let resident = fields[21],
      let boot = machine.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }).flatMap({
        Double($0.dropFirst(6))
      })
    else { return nil }
    cpuSeconds = Double(user &+ system) / Double(ticks)
    virtualMemory = virtual
    residentMemory = resident.multipliedReportingOverflow(by: UInt64(clamping: page)).partialValue
    startTime = boot + Double(start) / Double(ticks)
    self.openDescriptors = openDescriptors
    self.descriptorLimit = descriptorLimit
  }

  func write(_ text: inout ExpositionText) {
    text.write(.processStart, .real(startTime))
    text.write(.processCPU, .real(cpuSeconds))
    text.write(.processResident, .whole(residentMemory))
    text.write(.processVirtual, .whole(virtualMemory))
    text.write(.processDescriptors, .whole(openDescriptors))
    text.write(.processDescriptorLimit, .whole(descriptorLimit))
  }
}
