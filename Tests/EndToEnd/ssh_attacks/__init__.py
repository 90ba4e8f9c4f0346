"""Known faults of ssh servers, each tried on ours by a client that keeps no rule.

Every attack ends with the connection closed by the edge, or with the attempt refused; the process lives, its log is not
flooded, and a tunnel of somebody else serves through all of it. Faults that cannot be tried here:

  OpenSSH CVE-2025-26465, x/crypto 9beb694 (as a client),
  russh CVE-2026-48108, CVE-2025-47914                         not applicable: there is no ssh client in the edge yet
  libssh CVE-2025-5372, CVE-2025-5987                          faults of the cryptography library: tests of EdgeCrypto
  CVE-2026-42508                                               not applicable: no authority is trusted or revoked
"""
