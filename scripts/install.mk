# SPDX-License-Identifier: BSD-2-Clause
#
# make install PREFIX=/usr DESTDIR=…; the tool itself wants root only when it traces.

bindir        := $(PREFIX)/bin
mandir        := $(PREFIX)/share/man/man1
completiondir := $(PREFIX)/share/bash-completion/completions
docdir        := $(PREFIX)/share/doc/unfreed
documents     := README.md CHANGELOG.md LICENSE $(wildcard docs/*.md)

.PHONY: install uninstall dist
install: all
	install -D -m 755 $(BUILD)/unfreed $(DESTDIR)$(bindir)/unfreed
	install -D -m 644 docs/unfreed.1 $(DESTDIR)$(mandir)/unfreed.1
	install -D -m 644 scripts/completion/unfreed.bash $(DESTDIR)$(completiondir)/unfreed
	install -d $(DESTDIR)$(docdir)/LICENSES
	install -m 644 $(documents) $(DESTDIR)$(docdir)
	install -m 644 $(wildcard LICENSES/*) $(DESTDIR)$(docdir)/LICENSES

uninstall:
	rm -f $(DESTDIR)$(bindir)/unfreed $(DESTDIR)$(mandir)/unfreed.1
	rm -f $(DESTDIR)$(completiondir)/unfreed
	rm -rf $(DESTDIR)$(docdir)

# The sources of the last commit, as a tarball.
dist:
	$(Q)mkdir -p build
	$(Q)git archive --prefix=unfreed-$(VERSION)/ -o build/unfreed-$(VERSION).tar.gz HEAD
	@echo build/unfreed-$(VERSION).tar.gz
