package trust

// The keys of Docker Hardened Images, from the public keyring
// (github.com/docker-hardened-images/keyring). They are embedded because a key that is
// fetched at the time of use is only trust on first use.
const (
	dhi2PEM = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEKdROmntRJFBrOJOQF5ww6gDBJqGm
Fxa4333s1KsL9ISjtmRzGNih9lNRsqfRVjgFgJIdL6EQ9dohdanvn7r2cg==
-----END PUBLIC KEY-----
`
	dhi1PEM = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEx50N9pejdOrxR+17vcibfkrIFqFg
Tcb5ZW1FKqagsye7nykTKXOUvJOF0bCESzdKRJ5qyAGH/91W+4fbeptG8g==
-----END PUBLIC KEY-----
`
)

// BuiltinKeys returns the keys that are embedded in the program: dhi-2, which signs
// Docker Hardened Images, and dhi-1, which is known so that it can be refused by name.
func BuiltinKeys() ([]Key, error) {
	active, err := ParseKeys("dhi-2", []byte(dhi2PEM))
	if err != nil {
		return nil, err
	}
	active[0].Ref = "https://dhi.io/keyring/2.pub"
	old, err := ParseKeys("dhi-1", []byte(dhi1PEM))
	if err != nil {
		return nil, err
	}
	old[0].Ref = "https://dhi.io/keyring/1.pub"
	old[0].Inactive = "Docker's keyring lists it as inactive"
	return []Key{active[0], old[0]}, nil
}

// NamedKey returns the embedded key called name. An inactive key is returned too:
// naming it is how one finds out that it is refused.
func NamedKey(name string) (Key, bool) {
	keys, err := BuiltinKeys()
	if err != nil {
		return Key{}, false
	}
	for _, k := range keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key{}, false
}
