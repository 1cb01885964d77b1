package attest

import (
	"cmp"
	"strings"

	"github.com/imagegate/imagegate/internal/attest/trust"
)

// command is how the same is checked with cosign 3; "" when cosign cannot: for bytes
// that are in no registry, and for what nobody signed.
func (r *verification) command(j *judged) string {
	if j.covered != nil {
		return r.command(j.covered)
	}
	repo := r.repository(j)
	if repo == "" || j.best.grade == none && len(j.sigs) == 0 {
		return ""
	}
	target, verb, bundle := j.obj.digest.String(), "verify", j.kind == kindBundle
	if at := j.sigLayer(); at != "" {
		bundle = isBundle(at)
	}
	switch {
	case j.signature:
		target = j.att.Subject
	case j.kind == kindBundle, j.kind == kindEnvelope:
		target, verb = j.att.Subject, "verify-attestation"
	}
	if target == "" {
		return ""
	}
	args := append([]string{"cosign", verb}, r.signerArgs(j)...)
	if verb == "verify-attestation" {
		args = append(args, "--type", j.att.PredicateType)
	}
	if at := j.signatureObject(); verb == "verify" && !bundle && at != nil && !at.byTag() {
		args = append(args, "--experimental-oci11")
	}
	if !bundle {
		args = append(args, "--new-bundle-format=false")
	}
	if !j.best.logged {
		args = append(args, "--insecure-ignore-tlog=true")
	}
	return shell(append(args, repo+"@"+target))
}

// sigLayer is the media type of the signature that decided, else of the first.
func (j *judged) sigLayer() string {
	switch {
	case j.sig != nil:
		return string(j.sig.layer.MediaType)
	case len(j.sigs) > 0:
		return string(j.sigs[0].layer.MediaType)
	default:
		return ""
	}
}

// signatureObject is the manifest of the signature that decided, else of the first.
func (j *judged) signatureObject() *object {
	switch {
	case j.sig != nil:
		return j.sig.obj
	case len(j.sigs) > 0:
		return j.sigs[0].obj
	default:
		return nil
	}
}

// signerArgs name the signer that verified; for one that did not, the first that is
// trusted, so that the reader can see the same refusal.
func (r *verification) signerArgs(j *judged) []string {
	key, id := j.best.key, j.best.identity
	if key == nil && id == nil {
		switch {
		case len(r.check.active) > 0:
			key = &r.check.active[0].key
		case len(r.check.identities) > 0:
			id = &r.check.identities[0]
		default:
			return []string{"--key", "cosign.pub"}
		}
	}
	if key != nil {
		return []string{"--key", keyRef(*key)}
	}
	return identityArgs(*id)
}

// keyRef is what cosign's --key wants.
func keyRef(k trust.Key) string { return cmp.Or(k.Ref, k.Name) }

func identityArgs(id trust.Identity) []string {
	var args []string
	for _, a := range []struct{ flag, value string }{
		{"--certificate-identity", id.Subject}, {"--certificate-identity-regexp", id.SubjectRegexp},
		{"--certificate-oidc-issuer", id.Issuer}, {"--certificate-oidc-issuer-regexp", id.IssuerRegexp},
	} {
		if a.value != "" {
			args = append(args, a.flag, a.value)
		}
	}
	return args
}

// repository is where cosign would look: the store that had the signature when its
// name is a repository's, else the image's own.
func (r *verification) repository(j *judged) string {
	o := j.signatureObject()
	if o == nil {
		o = j.obj
	}
	for _, s := range storesOf(o.sightings) {
		if n := r.read.stores[s].Name(); isRepository(n) {
			return n
		}
	}
	return ""
}

// isRepository tells the name of a repository ("host:5000/a/b") from that of a path
// ("oci-dir:x/y").
func isRepository(name string) bool {
	host, rest, ok := strings.Cut(name, "/")
	if !ok || rest == "" || strings.ContainsAny(name, " \\") {
		return false
	}
	host, port, hasPort := strings.Cut(host, ":")
	if hasPort && (port == "" || strings.Trim(port, "0123456789") != "") {
		return false
	}
	return strings.Contains(host, ".") && !strings.HasPrefix(host, ".") || host == "localhost" || hasPort && host != ""
}

// shell joins arguments so that a POSIX shell reads them back as they are.
func shell(args []string) string {
	out := make([]string, len(args))
	for i, a := range args {
		if a != "" && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=./:@+,%") == "" {
			out[i] = a
			continue
		}
		out[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return strings.Join(out, " ")
}
