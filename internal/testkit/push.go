package testkit

import "context"

// Push pushes everything: what is named before what names it, and the tags last.
func (b *Built) Push(ctx context.Context, t Target) error {
	if err := b.PushImage(ctx, t); err != nil {
		return err
	}
	return b.PushAttestations(ctx, t)
}

// PushImage pushes the image and its tags without any referrer, as a mirror does.
func (b *Built) PushImage(ctx context.Context, t Target) error {
	for _, p := range b.Platforms {
		for _, l := range p.Layers {
			if err := t.PutBlob(ctx, l.Data); err != nil {
				return err
			}
		}
		if err := putManifest(ctx, t, p.Manifest, p.Config); err != nil {
			return err
		}
	}
	for i := 0; i < len(b.extra); i += 2 {
		if err := putManifest(ctx, t, b.extra[i+1], b.extra[i]); err != nil {
			return err
		}
	}
	if err := putManifest(ctx, t, b.Root); err != nil {
		return err
	}
	for _, tag := range b.Tags {
		if err := t.PutManifest(ctx, tag, string(b.Root.Descriptor.MediaType), b.Root.Data); err != nil {
			return err
		}
	}
	return nil
}

// PushAttestations pushes only the attestations and the signatures, as to the external
// attestation store of a mirror.
func (b *Built) PushAttestations(ctx context.Context, t Target) error {
	for _, p := range b.Platforms {
		for _, a := range p.Attestations {
			if err := a.Push(ctx, t); err != nil {
				return err
			}
		}
	}
	if b.IndexSignature != nil {
		return b.IndexSignature.Push(ctx, t)
	}
	return nil
}

// Push pushes an attestation and its signatures.
func (a *BuiltAttestation) Push(ctx context.Context, t Target) error {
	if err := putManifest(ctx, t, a.Manifest, a.Config, a.Statement); err != nil {
		return err
	}
	for _, s := range a.Signatures {
		if err := s.Push(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// Push pushes one signature.
func (s *Signature) Push(ctx context.Context, t Target) error {
	return putManifest(ctx, t, s.Manifest, s.Config, s.Payload)
}

// putManifest puts a manifest by its digest, after the blobs that it names.
func putManifest(ctx context.Context, t Target, m Blob, blobs ...Blob) error {
	for _, b := range blobs {
		if err := t.PutBlob(ctx, b.Data); err != nil {
			return err
		}
	}
	return t.PutManifest(ctx, m.Digest().String(), string(m.Descriptor.MediaType), m.Data)
}
