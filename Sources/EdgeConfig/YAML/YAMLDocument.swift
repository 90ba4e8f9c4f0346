internal import Policy

/// One YAML document as a tree, with every problem found on the way.
///
/// Anchors, aliases and merge keys (`<<`) work; every alias counts with all it stands for towards `Limits.nodes`, so that a small
/// file cannot grow large. Keys are texts and may occur once. `!!str` and the other core tags are understood, own tags are not.
package struct YAMLDocument: Sendable {
  package enum Limits {
    static let bytes = 4 << 20
    static let depth = 64
    static let nodes = 200_000
  }

  /// `nil` for an empty file, and when the syntax is broken.
  package private(set) var root: YAMLNode?
  package private(set) var problems: [YAMLProblem] = []

  package init(parsing bytes: [UInt8]) {
    let start = SourcePosition(line: 1, column: 1)
    guard bytes.count <= Limits.bytes else {
      problems = [YAMLProblem("the file has more than \(Limits.bytes >> 20) MiB", at: start)]
      return
    }
    var composer = YAMLComposer()
    do throws(YAMLProblem) {
      try readYAMLEvents(bytes) { (event) throws(YAMLProblem) in try composer.add(event) }
      root = composer.root
      problems = composer.problems
    } catch {
      problems = composer.problems + [error]
    }
  }
}

/// One event of the YAML stream.
enum YAMLEvent {
  case documentStart
  case scalar(text: String, isPlain: Bool, anchor: String?, tag: String?)
  case alias(String)
  case sequenceStart(anchor: String?, tag: String?)
  case sequenceEnd
  case mappingStart(anchor: String?, tag: String?)
  case mappingEnd
}

struct PlacedYAMLEvent {
  var event: YAMLEvent
  var position: SourcePosition
}

/// Builds the tree from events.
struct YAMLComposer {
  private(set) var root: YAMLNode?
  private(set) var problems: [YAMLProblem] = []
  private var open: [OpenCollection] = []
  private var anchors: [String: AnchoredNode] = [:]
  private var nodeCount = 0
  private var documents = 0

  private struct OpenCollection {
    var position: SourcePosition
    var anchor: String?
    var isMapping: Bool
    var nodes: [YAMLNode] = []
    var entries: [YAMLEntry] = []
    /// Where each key of `entries` stands.
    var keys: [String: SourcePosition] = [:]
    var pendingKey: (text: String, position: SourcePosition)?
    /// What `<<` brought; the entries written here come first.
    var merged: [YAMLEntry] = []
    var firstNode: Int
  }

  private struct AnchoredNode {
    var node: YAMLNode
    /// How many nodes it has, itself included.
    var size: Int
  }

  mutating func add(_ placed: PlacedYAMLEvent) throws(YAMLProblem) {
    let position = placed.position
    switch placed.event {
    case .documentStart:
      documents += 1
      if documents > 1 {
        throw YAMLProblem(
          "a second document begins here", at: position, suggestion: "take out the line `---` or everything after it")
      }
    case .scalar(let text, let isPlain, let anchor, let tag):
      try count(1, position)
      let scalar = try scalar(text, isPlain, tag, position)
      place(YAMLNode(.scalar(scalar), at: position), anchor: anchor, size: 1)
    case .alias(let name):
      guard let anchored = anchors[name] else {
        throw YAMLProblem(
          "nothing is named `&\(name)` before this", at: position,
          suggestion: "an anchor must stand, complete, before its alias")
      }
      try count(anchored.size, position)
      place(anchored.node, anchor: nil, size: anchored.size)
    case .sequenceStart(let anchor, let tag):
      try begin(isMapping: false, anchor, tag, position)
    case .mappingStart(let anchor, let tag):
      try begin(isMapping: true, anchor, tag, position)
    case .sequenceEnd, .mappingEnd:
      guard let ended = open.popLast() else { return }
      let content: YAMLNode.Content =
        ended.isMapping ? .mapping(ended.entries + unwritten(ended)) : .sequence(ended.nodes)
      place(
        YAMLNode(content, at: ended.position), anchor: ended.anchor, size: nodeCount - ended.firstNode + 1)
    }
  }

  private func unwritten(_ ended: OpenCollection) -> [YAMLEntry] {
    var known = Set(ended.keys.keys)
    return ended.merged.filter { known.insert($0.key).inserted }
  }

  private mutating func begin(
    isMapping: Bool, _ anchor: String?, _ tag: String?, _ position: SourcePosition
  ) throws(YAMLProblem) {
    try count(1, position)
    if let tag, tag != (isMapping ? "tag:yaml.org,2002:map" : "tag:yaml.org,2002:seq") {
      throw unknownTag(tag, position)
    }
    guard open.count < YAMLDocument.Limits.depth else {
      throw YAMLProblem("nested more than \(YAMLDocument.Limits.depth) levels deep", at: position)
    }
    open.append(OpenCollection(position: position, anchor: anchor, isMapping: isMapping, firstNode: nodeCount))
  }

  private mutating func count(_ nodes: Int, _ position: SourcePosition) throws(YAMLProblem) {
    nodeCount += nodes
    if nodeCount > YAMLDocument.Limits.nodes {
      throw YAMLProblem("more than \(YAMLDocument.Limits.nodes) values", at: position)
    }
  }

  private func scalar(
    _ text: String, _ isPlain: Bool, _ tag: String?, _ position: SourcePosition
  ) throws(YAMLProblem) -> YAMLScalar {
    switch tag {
    case nil, "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null":
      return YAMLScalar(text: text, isPlain: isPlain || tag != nil)
    case "!", "tag:yaml.org,2002:str":
      return YAMLScalar(text: text, isPlain: false)
    case .some(let tag):
      throw unknownTag(tag, position)
    }
  }

  private func unknownTag(_ tag: String, _ position: SourcePosition) -> YAMLProblem {
    YAMLProblem("the tag `\(tag)` has no meaning here", at: position, suggestion: "take it out")
  }

  private mutating func place(_ node: YAMLNode, anchor: String?, size: Int) {
    if let anchor { anchors[anchor] = AnchoredNode(node: node, size: size) }
    guard var collection = open.popLast() else {
      root = node
      return
    }
    defer { open.append(collection) }
    guard collection.isMapping else {
      collection.nodes.append(node)
      return
    }
    guard let key = collection.pendingKey else {
      collection.pendingKey = key(from: node)
      return
    }
    collection.pendingKey = nil
    if key.text == "<<" {
      collection.merged += mergedEntries(node)
    } else if let first = collection.keys.updateValue(key.position, forKey: key.text) {
      problems.append(
        YAMLProblem(
          "`\(key.text)` occurs twice", at: key.position, suggestion: "the first one is in line \(first.line)"))
    } else {
      collection.entries.append(YAMLEntry(key: key.text, keyPosition: key.position, value: node))
    }
  }

  private mutating func key(from node: YAMLNode) -> (text: String, position: SourcePosition) {
    if case .scalar(let scalar) = node.content { return (scalar.text, node.position) }
    problems.append(YAMLProblem("a key must be a text, not \(node.kind)", at: node.position))
    return ("", node.position)
  }

  private mutating func mergedEntries(_ node: YAMLNode) -> [YAMLEntry] {
    switch node.content {
    case .mapping(let entries): return entries
    case .sequence(let nodes) where nodes.allSatisfy({ $0.mapping != nil }): return nodes.flatMap { $0.mapping ?? [] }
    case .sequence, .scalar:
      problems.append(
        YAMLProblem(
          "`<<` merges objects, not \(node.kind)", at: node.position, suggestion: "write an alias: `<<: *name`"))
      return []
    }
  }
}
