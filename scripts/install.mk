# SPDX-License-Identifier: BSD-2-Clause
#
# make install PREFIX=/usr DESTDIR=…; the tool itself wants root only when it traces. Under sudo it is
# still built as the user whose tree this is.

bindir        := $(PREFIX)/bin
mandir        := $(PREFIX)/share/man/man1
completiondir := $(PREFIX)/share/bash-completion/completions
zshdir        := $(PREFIX)/share/zsh/site-functions
fishdir       := $(PREFIX)/share/fish/vendor_completions.d
unitdir       := $(PREFIX)/lib/systemd/system
docdir        := $(PREFIX)/share/doc/unfreed
exampledir    := $(docdir)/examples
documents     := README.md CHANGELOG.md SECURITY.md LICENSE $(wildcard docs/*.md)

.PHONY: install uninstall dist deb release release-libraries
install:
	+@$(as_user) $(MAKE) $(quiet_make) all
	install -D -m 755 $(BUILD)/unfreed $(DESTDIR)$(bindir)/unfreed
	install -D -m 644 docs/unfreed.1 $(DESTDIR)$(mandir)/unfreed.1
	install -D -m 644 scripts/completion/unfreed.bash $(DESTDIR)$(completiondir)/unfreed
	install -D -m 644 scripts/completion/unfreed.zsh $(DESTDIR)$(zshdir)/_unfreed
	install -D -m 644 scripts/completion/unfreed.fish $(DESTDIR)$(fishdir)/unfreed.fish
	sed 's,/usr/bin/unfreed,$(bindir)/unfreed,' deploy/unfreed-monitor.service | \
		install -D -m 644 /dev/stdin $(DESTDIR)$(unitdir)/unfreed-monitor.service
	install -D -m 644 -t $(DESTDIR)$(exampledir) deploy/unfreed.rules.yml deploy/unfreed-dashboard.json
	install -D -m 755 -t $(DESTDIR)$(exampledir) deploy/recycle-gunicorn
	install -d $(DESTDIR)$(docdir)/LICENSES
	install -m 644 $(documents) $(DESTDIR)$(docdir)
	install -m 644 $(wildcard LICENSES/*) $(DESTDIR)$(docdir)/LICENSES

uninstall:
	rm -f $(DESTDIR)$(bindir)/unfreed $(DESTDIR)$(mandir)/unfreed.1
	rm -f $(DESTDIR)$(completiondir)/unfreed $(DESTDIR)$(zshdir)/_unfreed
	rm -f $(DESTDIR)$(fishdir)/unfreed.fish
	rm -f $(DESTDIR)$(unitdir)/unfreed-monitor.service
	rm -rf $(DESTDIR)$(docdir)

# The sources of the last commit, as a tarball.
dist:
	$(Q)$(as_user) mkdir -p build
	$(Q)$(as_user) git archive --prefix=unfreed-$(VERSION)/ -o build/unfreed-$(VERSION).tar.gz HEAD
	@echo build/unfreed-$(VERSION).tar.gz

# What is installed, as a package for hosts with this machine's release of Debian or Ubuntu.
deb:
	$(Q)$(as_user) rm -rf build/deb
	+$(Q)umask 022 && $(as_user) $(MAKE) --no-print-directory $(if $(V),,-s) install PREFIX=/usr \
		DESTDIR=build/deb/unfreed zshdir=/usr/share/zsh/vendor-completions
	@$(as_user) scripts/deb $(VERSION)

# What is installed, for hosts of any distribution: see scripts/release-libraries.
libraries  := $(CURDIR)/build/roots/release
pc_files    = $(libraries)/usr/lib/$(shell $(CC) -print-multiarch)/pkgconfig
of_release  = RELEASE=1 CFLAGS=-O2 CC='$(CC) --sysroot=$(libraries)' \
              PKG_CONFIG='env PKG_CONFIG_SYSROOT_DIR=$(libraries) PKG_CONFIG_LIBDIR=$(pc_files) pkg-config --static'

# There is a compiler only then, which is asked where libraries lie.
release-libraries:
	@scripts/setup release
	@$(as_user) scripts/release-libraries $(libraries)

release: release-libraries
	$(Q)$(as_user) rm -rf build/release/tree
	+$(Q)umask 022 && $(as_user) $(MAKE) --no-print-directory $(if $(V),,-s) $(of_release) install \
		DESTDIR=build/release/tree PREFIX=/usr/local
	@$(as_user) scripts/release $(VERSION)
