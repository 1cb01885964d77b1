package drift

// A package database lists what is installed, by binary name: libc6, libc-bin. Docker's
// own scanner, which writes the bills of Hardened Images, lists what it was built from:
// glibc, once. Neither bill says which it does, so it is seen from the names.

// place is a name of one type of packages.
type place struct{ typ, name string }

// sources settles distribution packages that the vendor lists by their source.
//
// A vendor's line covers the packages of its source when none of them is listed by a
// name of its own, and either no package has the name of the source, so that it can mean
// nothing else, or the bill goes by sources as a whole.
func (c *comparison) sources() {
	groups, order := c.groups()
	binaries := map[place]bool{}
	for i := range c.found {
		binaries[place{c.found[i].typ, c.found[i].name}] = true
	}
	listed := map[place][]int{}
	for i := range c.attested {
		if l := &c.attested[i]; system(l.typ) {
			at := place{l.typ, l.name}
			listed[at] = append(listed[at], i)
		}
	}
	speaks := bySource(listed, binaries, groups)
	for _, at := range order {
		lines, members := listed[at], groups[at]
		if len(lines) == 0 {
			continue
		}
		explicit := c.attested[lines[0]].ofSource
		byName := false // is a package of the group listed by its own name?
		for _, m := range members {
			f := &c.found[m]
			byName = byName || f.name != at.name && len(listed[place{f.typ, f.name}]) > 0
		}
		switch meansSource := explicit || !binaries[at]; {
		case byName && meansSource && (explicit || speaks[at.typ]):
			for _, i := range lines { // both are listed: the names of the packages count
				c.attested[i].settled = true
			}
		case !byName && (meansSource || speaks[at.typ]):
			c.cover(at.name, lines, members)
		}
	}
}

// groups are the found packages by their sources, and the sources in a fixed order.
func (c *comparison) groups() (groups map[place][]int, order []place) {
	groups = map[place][]int{}
	for i := range c.found {
		for _, s := range c.found[i].sources {
			at := place{c.found[i].typ, s.name}
			if groups[at] == nil {
				order = append(order, at)
			}
			groups[at] = append(groups[at], i)
		}
	}
	return groups, order
}

// bySource says of each type whether the vendor names more of its packages by a name
// that only a source has than by one that only a package has.
func bySource(listed map[place][]int, binaries map[place]bool, groups map[place][]int) map[string]bool {
	lead := map[string]int{}
	for at := range listed {
		switch {
		case len(groups[at]) > 0 && !binaries[at]:
			lead[at.typ]++
		case len(groups[at]) == 0 && binaries[at]:
			lead[at.typ]--
		}
	}
	speaks := map[string]bool{}
	for typ, n := range lead {
		speaks[typ] = n > 0
	}
	return speaks
}

// cover settles the packages of one source against the lines that name it: those of an
// equal version, be it the source's or the package's own, are the same, and the others
// differ.
func (c *comparison) cover(name string, lines, members []int) {
	at := map[version]int{}
	for _, i := range lines {
		at[c.attested[i].version] = i
	}
	var others []int
	for _, m := range members {
		f := &c.found[m]
		versions := []version{f.version}
		for _, s := range f.sources {
			if s.name == name && s.version.known() {
				versions = append(versions, s.version)
			}
		}
		if i, ok := lookup(at, versions); ok {
			c.attested[i].settled, f.settled = true, true
		} else if !f.settled {
			others = append(others, m)
		}
	}
	next := 0 // the first line that is not settled
	for _, m := range others {
		for next < len(lines) && c.attested[lines[next]].settled {
			next++
		}
		c.differ(&c.attested[lines[min(next, len(lines)-1)]], &c.found[m])
	}
}

// lookup finds a vendor's version that is one of versions. What the vendor leaves out,
// the epoch or the whole version, cannot differ.
func lookup(at map[version]int, versions []version) (int, bool) {
	for _, v := range versions {
		for _, try := range []version{v, {text: v.text}, {}} {
			if i, ok := at[try]; ok {
				return i, true
			}
		}
	}
	return 0, false
}
