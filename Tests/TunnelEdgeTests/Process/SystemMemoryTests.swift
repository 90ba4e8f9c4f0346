import Testing

@testable import TunnelEdge

struct SystemMemoryTests {
  @Test func readsWhatLinuxTells() {
    #expect(SystemMemory.total(meminfo: "MemTotal:       16318712 kB\nMemFree: 1 kB\n") == 16_318_712 * 1024)
    #expect(SystemMemory.total(meminfo: "MemFree: 1 kB\n") == nil)
    #expect(SystemMemory.total(meminfo: "MemTotal: lots\n") == nil)
    #expect(SystemMemory.limit(group: "536870912\n") == 512 << 20)
    #expect(SystemMemory.limit(group: "max\n") == nil)
    #expect(SystemMemory.limit(group: "") == nil)
  }

  @Test func thereIsSome() { #expect(SystemMemory.bytes > 64 << 20) }
}
