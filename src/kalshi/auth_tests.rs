//! Signatures are checked by openssl, a library that shares no code with ours, and by fixed vectors.

use std::fs::Permissions;
use std::process::Command;

use ring::signature::{KeyPair, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

use super::*;

const TEXT: &str = "1795103600123POST/trade-api/v2/portfolio/events/orders";
const PATH: &str = "/trade-api/v2/portfolio/events/orders";

/// The secret key of the first example of RFC 8032, which is no secret.
fn rfc_8032_pem() -> String {
    let head = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
    format!("-----BEGIN PRIVATE KEY-----\n{head}\n-----END PRIVATE KEY-----\n")
}

/// Runs openssl in a folder; `None` where there is no openssl on this machine.
fn openssl(folder: &Path, arguments: &str) -> Option<std::process::Output> {
    let Ok(output) = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output() else {
        eprintln!("skipped: there is no `openssl` here to check the signatures with");
        return None;
    };
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output)
}

#[test]
fn ed25519_signs_as_openssl_does() {
    let credentials = Credentials::from_pem("key-1", &rfc_8032_pem()).unwrap();
    let expected = "RqSWwQBY8e4eU8PmB0nSn6EvqjPQ1N5nGBjq8UCNR5Pkg185QbfybAhcgzsfT2FsaULlo/3DUnZVJNnpKDFmCQ==";
    assert_eq!(credentials.sign_request(1_795_103_600_123, "POST", PATH), expected);
    let [id, timestamp, signature] = credentials.signed_headers(1_795_103_600_123, "POST", PATH);
    assert_eq!(id, ("KALSHI-ACCESS-KEY", "key-1".to_owned()));
    assert_eq!(timestamp, ("KALSHI-ACCESS-TIMESTAMP", "1795103600123".to_owned()));
    assert_eq!(signature, ("KALSHI-ACCESS-SIGNATURE", expected.to_owned()));
}

#[test]
fn openssl_accepts_our_rsa_signatures_and_we_accept_its() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if openssl(folder, "genrsa -traditional -out pkcs1.pem 2048").is_none() {
        return;
    }
    openssl(folder, "pkcs8 -topk8 -nocrypt -in pkcs1.pem -out pkcs8.pem");
    openssl(folder, "rsa -in pkcs1.pem -pubout -out public.pem");
    std::fs::write(folder.join("text"), TEXT).unwrap();
    let pss = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32";
    for file in ["pkcs1.pem", "pkcs8.pem"] {
        std::fs::set_permissions(folder.join(file), Permissions::from_mode(0o600)).unwrap();
        let credentials = Credentials::from_file("key", &folder.join(file)).unwrap();
        let signature = STANDARD.decode(credentials.sign_request(1_795_103_600_123, "POST", PATH)).unwrap();
        std::fs::write(folder.join("signature"), signature).unwrap();
        openssl(folder, &format!("dgst -sha256 {pss} -verify public.pem -signature signature text"));

        openssl(folder, &format!("dgst -sha256 {pss} -sign {file} -out theirs text"));
        let SigningKey::Rsa(key) = &*credentials.key else { panic!("{file} is an RSA key") };
        let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key());
        public.verify(TEXT.as_bytes(), &std::fs::read(folder.join("theirs")).unwrap()).unwrap();
    }
}

#[test]
fn openssl_accepts_our_ed25519_signatures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    if openssl(folder, "genpkey -algorithm ed25519 -out key.pem").is_none() {
        return;
    }
    openssl(folder, "pkey -in key.pem -pubout -out public.pem");
    let pem = std::fs::read_to_string(folder.join("key.pem")).unwrap();
    let credentials = Credentials::from_pem("key", &pem).unwrap();
    let signature = STANDARD.decode(credentials.sign_request(1_795_103_600_123, "POST", PATH)).unwrap();
    std::fs::write(folder.join("signature"), signature).unwrap();
    std::fs::write(folder.join("text"), TEXT).unwrap();
    openssl(folder, "pkeyutl -verify -pubin -inkey public.pem -rawin -in text -sigfile signature");
}

#[test]
fn a_key_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, rfc_8032_pem()).unwrap();
    for (mode, usable) in [(0o600, true), (0o400, true), (0o644, false), (0o640, false), (0o700, false)] {
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        match Credentials::from_file("key", &file) {
            Ok(_) => assert!(usable, "{mode:o} was accepted"),
            Err(error) => {
                assert!(!usable, "{mode:o} was refused");
                let advice = format!("run `chmod 600 {}`", file.display());
                assert!(error.to_string().ends_with(&advice), "{error}");
            }
        }
    }
    let error = Credentials::from_file("key", folder.path()).unwrap_err();
    assert!(error.to_string().contains("is not a key file"), "{error}");
    let error = Credentials::from_file("key", &folder.path().join("none.pem")).unwrap_err();
    assert!(error.to_string().contains("none.pem"), "{error}");
}

#[test]
fn what_is_no_key_is_refused_without_being_shown() {
    let block = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    let cases = [
        ("", "there is no"),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0", "is missing"),
        (&block("PRIVATE KEY", "c2VjcmV0!"), "Base64"),
        (&block("PRIVATE KEY", "c2VjcmV0"), "no Ed25519 key"),
        (&block("RSA PRIVATE KEY", "c2VjcmV0"), "cannot be used"),
        (&block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\n\nc2VjcmV0"), "decrypt"),
        (&block("ENCRYPTED PRIVATE KEY", "c2VjcmV0"), "decrypt"),
        (&block("PUBLIC KEY", "c2VjcmV0"), "expected `PRIVATE KEY`"),
    ];
    for (pem, says) in cases {
        let error = Credentials::from_pem("key", pem).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("c2VjcmV0"), "{error}");
    }
    for key_id in ["", "two words", "line\nbreak", "ключ"] {
        assert!(matches!(Credentials::from_pem(key_id, &rfc_8032_pem()), Err(AuthError::BadKeyId)));
    }
    let credentials = Credentials::from_pem("key-1", &rfc_8032_pem()).unwrap();
    assert_eq!(format!("{credentials:?}"), "Credentials(hidden)");
}
