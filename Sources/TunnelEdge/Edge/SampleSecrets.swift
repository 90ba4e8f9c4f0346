import EdgeConfig
import EdgeCrypto

/// Finds what came from a demo or a tutorial in a configuration that somebody means to run (security rule 35).
enum SampleSecrets {
  /// Client secrets that stand in tutorials and in this project's own `dex/config.yaml`.
  private static let knownClientSecrets: Set<String> = ["pomerium-client-secret", "ZXhhbXBsZS1hcHAtc2VjcmV0"]

  /// What is in use that everybody knows.
  static func warnings(_ configuration: EdgeConfiguration) -> [String] {
    let secrets = [configuration.identityProvider.clientSecret] + configuration.routes.compactMap(\.http.client?.secret)
    return secrets.contains { knownClientSecrets.contains($0.reveal()) } ? ["idp_client_secret"] : []
  }

  /// The name of a key or certificate that a demo made.
  static func demoKey(in configuration: EdgeConfiguration) -> String? {
    let keys = (configuration.ssh?.hostKeys ?? []) + (configuration.ssh?.userCAKey.map { [$0] } ?? [])
    for key in keys where isDemo(key.pem) { return key.name }
    for certificate in configuration.listener.certificates {
      let chain = (try? Certificate.chain(pem: certificate.certificatePEM)) ?? []
      if chain.contains(where: { $0.issuer.contains(DemoState.mark) || $0.subject.contains(DemoState.mark) }) {
        return certificate.name
      }
    }
    return nil
  }

  private static func isDemo(_ pem: SecretString) -> Bool {
    (try? PrivateKey(text: pem.reveal()))?.comment.hasPrefix(DemoState.mark) ?? false
  }
}
