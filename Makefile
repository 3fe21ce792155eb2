# The front door: `make` says what there is. Every target works from a clean clone; what is missing of Debian's
# packages is installed first (tools/setup.sh says which and why).

PREFIX ?= /usr/local
DESTDIR ?=

help:
	@echo 'make demo         build, and see it at work: a metadata server and four data servers on this machine'
	@echo 'make build        the programs, optimised, in .build/release'
	@echo 'make check        after a change: build, and run the tests that start no program'
	@echo 'make test         check the style, build, run every test (TESTS="--filter HelpTests": the build and those)'
	@echo 'make soak         every trial of every promise, sanitizers, then bytes at every decoder, a minute each (SOAK="--runs N")'
	@echo 'make lint         check the style alone'
	@echo 'make bench        every benchmark there is (needs root: a cluster in a box)'
	@echo 'make bench-quick  the same, with smaller files and fewer hosts'
	@echo 'make bench-link   put, get and fetch between hosts of a box, and what waiting costs'
	@echo 'make bench-bcast  the broadcast, beside TakTuk, sbcast, rsync, NFS and others'
	@echo 'make bench-ssh    what is started over ssh: broadcasts, a host that dies, starting, idling'
	@echo 'make bench-jobs   whole jobs of a real Slurm, beside sbcast, rsync and NFS'
	@echo 'make bench-core   what one processor core does: hashing, coding, catalogue, store'
	@echo 'make install      put what make build made below PREFIX: programs, manual, documents (PREFIX=$(PREFIX), DESTDIR)'
	@echo 'make uninstall    remove it from there'
	@echo 'make deb          a Debian package in .build/deb, checked, installed, used and removed again'
	@echo 'make clean        remove everything built'

setup:
	@tools/setup.sh

build: setup
	tools/archives.sh
	swift build -c release --static-swift-stdlib

demo: build
	@tools/demo.sh

check:
	@tools/test.sh --check

test:
	@tools/test.sh $(TESTS)

soak:
	@tools/soak.sh $(SOAK)

lint:
	@tools/lint.sh

bench: bench-core bench-link bench-bcast bench-ssh bench-jobs

bench-quick: setup-bench build
	bench/run.py link --quick
	bench/run.py bcast --quick
	bench/run.py ssh --quick
	bench/run.py jobs --quick

bench-core: build
	.build/release/daft-bench core

bench-link: setup-bench build
	bench/run.py link

bench-bcast: setup-bench build
	bench/run.py bcast

bench-ssh: setup-bench build
	bench/run.py ssh

bench-jobs: setup-bench build
	bench/run.py jobs

setup-bench:
	@tools/setup.sh bench

# Of what `make build` made: so it needs no Swift, and `sudo make install` works.
install:
	tools/install.sh '$(DESTDIR)$(PREFIX)' '$(PREFIX)'

uninstall:
	tools/uninstall.sh '$(DESTDIR)$(PREFIX)'

deb: build
	@tools/setup.sh deb
	@tools/deb-test.sh

clean:
	rm -rf .build

.PHONY: help setup build demo check test soak lint bench bench-quick bench-core bench-link bench-bcast bench-ssh \
        setup-bench install uninstall deb clean
