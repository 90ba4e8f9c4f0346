import Testing

@testable import SSHServer

/// Against matrices made by encoders of other people: `qrcode` 8 for the address, whose code is padded, `segno` 1.6 for
/// those that are full. The end-to-end tests read codes from a screen.
struct QRCodeTests {
  private static let tunnel = """
    #######.####...##.###.#######
    #.....#.#.##..##.#..#.#.....#
    #.###.#...##.###..##..#.###.#
    #.###.#.#.......##.##.#.###.#
    #.###.#..###.#.....#..#.###.#
    #.....#..###..#...###.#.....#
    #######.#.#.#.#.#.#.#.#######
    ........##.#.##..##..........
    #.##.###.##..##.####..#..#.##
    .....#.##..##..##..##.###...#
    .#..####.####.##.#..##.##.##.
    #.#.#...###..###....#.###...#
    ...#####..#.....##.#.....##..
    ###.#..##.#..#.....#####..###
    #.#.#.#....##.#...#####...###
    ##..#..###.###.#..##....#..#.
    ..#..#####.##.....#..#..##.#.
    ....#..#####.#......#..#.###.
    #...#.#####.#.........#.#.#..
    ..#.....###....####...##..#..
    .##.######.###.###..#######..
    ........#..#####.##.#...#####
    #######.#..#.#....###.#.##.#.
    #.....#.#...#.......#...##.#.
    #.###.#..##...####..#####.#.#
    #.###.#.#.#..####..###..##.#.
    #.###.#.##..###..##....#..#.#
    #.....#..##.#..##.#.#.####.#.
    #######.##..###...###.##...#.
    """

  @Test func anAddressIsDrawnModuleByModule() throws {
    let code = try #require(QRCode("https://app.tunnels.example.net", .medium, mask: 3))
    let lines = (0..<code.size).map { row in
      (0..<code.size).map { code.isDark(row: row, column: $0) ? "#" : "." }.joined()
    }
    #expect(code.version == 3)
    #expect(lines.joined(separator: "\n") == Self.tunnel)
  }

  /// Length of the text, level, version, a checksum for each mask.
  private static let others: [(Int, QRCode.ErrorCorrection, Int, [Int])] = [
    (17, .low, 1, [27461, 502235, 175662, 288358, 224070, 420263, 989086, 456911]),
    (32, .low, 2, [978710, 25404, 949552, 680607, 136877, 145710, 589623, 872887]),
    (53, .low, 3, [851394, 311748, 139941, 350254, 258551, 693126, 888644, 712919]),
    (78, .low, 4, [274722, 987251, 404973, 431296, 111302, 828930, 876613, 204438]),
    (106, .low, 5, [723320, 787800, 909668, 608425, 590493, 294726, 34727, 662787]),
    (134, .low, 6, [641347, 966472, 929068, 541392, 548815, 136463, 790955, 203644]),
    (154, .low, 7, [287839, 342002, 941446, 301835, 689451, 604566, 723463, 625547]),
    (192, .low, 8, [217230, 931913, 259918, 977486, 27593, 267101, 577016, 533503]),
    (230, .low, 9, [714091, 330132, 566086, 34688, 797273, 771095, 795719, 7280]),
    (271, .low, 10, [619272, 870683, 886707, 817102, 480467, 99506, 292982, 993552]),
    (14, .medium, 1, [374967, 620984, 801450, 221583, 581718, 828875, 742499, 243979]),
    (26, .medium, 2, [732388, 862971, 890627, 307947, 889588, 541590, 499895, 489792]),
    (42, .medium, 3, [87929, 62647, 372887, 754989, 752693, 700931, 252304, 500652]),
    (62, .medium, 4, [52481, 39671, 283107, 153883, 964934, 251860, 979796, 367545]),
    (84, .medium, 5, [747023, 211504, 382147, 523305, 738356, 495418, 271900, 540757]),
    (106, .medium, 6, [507131, 154757, 948341, 579427, 937208, 300059, 220997, 31421]),
    (122, .medium, 7, [874483, 225399, 342943, 385267, 6667, 864888, 409830, 881224]),
    (152, .medium, 8, [978939, 787882, 642165, 702973, 239841, 769100, 645615, 354295]),
    (180, .medium, 9, [832821, 424384, 269530, 117701, 909119, 151147, 618401, 268310]),
    (213, .medium, 10, [859341, 850360, 723481, 483428, 841870, 429956, 295431, 875158]),
  ]

  @Test func everyVersionWithEveryMaskIsAsOthersMakeIt() throws {
    for (length, level, version, checksums) in Self.others {
      let text = String(decoding: (0..<length).map { UInt8(97 + $0 % 26) }, as: UTF8.self)
      for (mask, wanted) in checksums.enumerated() {
        let code = try #require(QRCode(text, level, mask: mask))
        var checksum = 0
        for row in 0..<code.size {
          for column in 0..<code.size {
            checksum = (checksum * 31 + (code.isDark(row: row, column: column) ? 1 : 0)) % 1_000_003
          }
        }
        #expect(code.version == version && checksum == wanted, "\(length) \(level) mask \(mask)")
      }
    }
  }

  @Test func theErrorCorrectionIsThatOfTheStandardsExample() {
    let data: [UInt8] = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17]
    #expect(ReedSolomon(correctionLength: 10).correction(of: data) == [196, 35, 39, 119, 235, 215, 231, 226, 93, 23])
  }

  @Test func theMaskWithTheLeastPenaltyIsTaken() throws {
    let text = "https://app.tunnels.example.net"
    let chosen = try #require(QRCode(text, .medium))
    let penalties = try (0..<8).map { try #require(QRCode(text, .medium, mask: $0)).matrix.penalty }
    #expect(penalties[chosen.mask] == penalties.min())
  }

  @Test func whatDoesNotFitIsNoCode() {
    #expect(QRCode(String(repeating: "x", count: 272), .low) == nil)
    #expect(QRCode(String(repeating: "x", count: 214), .medium) == nil)
    #expect(QRCode("", .low)?.version == 1)
    #expect(QRCode("x", .low, mask: 8) == nil)
  }
}
