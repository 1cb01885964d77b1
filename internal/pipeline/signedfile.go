package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"

	"github.com/imagegate/imagegate/internal/attest"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/feed"
)

// signedFile verifies the signature beside a file of a feed, by the keys that sign for
// the repository.
func (p *platform) signedFile(ctx context.Context, source string, file feed.File, repository string) (feedFile, error) {
	if file.Err != nil {
		return feedFile{}, fault.New(fault.Unavailable, opSigned(source), "check that the feed has its .sig files", file.Err)
	}
	opt := p.inputs.attestOptions(p.cfg, p.deps)
	if len(opt.Keys) == 0 && len(opt.Identities) == 0 {
		row, _ := opt.Table.For(repository, true)
		opt.Keys, opt.Identities, opt.Log = row.Keys, row.Identities, cmp.Or(opt.Log, row.Log)
	}
	return checkSigned(ctx, source, file.Data, file.Signature, opt)
}

func opSigned(source string) string { return "verify the feed's file " + source }

// checkSigned verifies a Sigstore bundle over the exact bytes of a file, by the keys and
// identities of opt. The error has code Unavailable, and tells a signature of another
// version of the file, the normal state while a feed is updated, from a wrong one.
func checkSigned(ctx context.Context, source string, data, sig []byte, opt attest.Options) (feedFile, error) {
	sum := sha256.Sum256(data)
	if signed := messageDigest(sig); signed != nil && !bytes.Equal(signed, sum[:]) {
		return feedFile{}, fault.Unavailablef(opSigned(source), "read one commit: document and signature are updated together", "the signature is for another version of the file")
	}
	res, err := attest.VerifyBundle(ctx, attest.Artifact{Name: source, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}, sig, opt)
	if err != nil {
		return feedFile{}, fault.New(fault.Unavailable, opSigned(source), "", err)
	}
	return feedFile{name: source, digest: digestOf(data), signer: res.Signer, data: data, at: res.SignedAt}, nil
}

// messageDigest is the SHA-256 that a bundle says it signs; nil when it does not say.
// It only explains: the verifier compares for itself.
func messageDigest(bundle []byte) []byte {
	var b struct {
		Message struct {
			Digest struct {
				Algorithm, Digest string
			} `json:"messageDigest"`
		} `json:"messageSignature"`
	}
	if json.Unmarshal(bundle, &b) != nil || b.Message.Digest.Algorithm != "SHA2_256" {
		return nil
	}
	sum, err := base64.StdEncoding.DecodeString(b.Message.Digest.Digest)
	if err != nil {
		return nil
	}
	return sum
}
