# The one entrance for building and testing. `make help` lists the targets.
# Set-up (packages) is not done here: ./dev and ./test call tools/setup first.

MODE  ?= release
BUILD ?= build
B     := $(BUILD)/$(MODE)
CLANG ?= clang
LLD   ?= wasm-ld
Q     ?= @
T     ?= 56

mode_release := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
mode_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
mode_cov     := -O1 -g --coverage
mode_errs    := -O1 -g -DYD_TIGHT -fprofile-instr-generate -fcoverage-mapping
mode_tight   := $(mode_asan) -DYD_TIGHT

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla
ifdef CI
WARN += -Werror
endif

# Packages of the server. llhttp where it is packaged, its predecessor http-parser elsewhere.
PKGS   := libuv sqlite3 libcrypto libcurl jansson zlib libzstd
ifeq ($(shell pkg-config --exists libllhttp && echo yes),yes)
PKGS   += libllhttp
HTTP_D := -DPARTYD_LLHTTP
HTTP_L :=
else
HTTP_D :=
HTTP_L := -lhttp_parser
endif
DEPS_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(HTTP_D)
DEPS_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null) $(HTTP_L) -lwslay -lpthread -lm

# Debian 12's Node 18 has crypto as a global only if asked; some clients and jose need it.
NODE_MAJOR := $(shell node -p 'process.versions.node.split(".")[0]' 2>/dev/null)
ifeq ($(NODE_MAJOR),18)
export NODE_OPTIONS := $(NODE_OPTIONS) --experimental-global-webcrypto
endif

# A file of tests that hangs is ended and named, where Node can (20 and later).
NODE_TEST := node --test $(shell node --test-timeout=1 -e 0 2>/dev/null && echo --test-timeout=900000)

VERSION := $(shell cat VERSION)
INC_ENGINE := -Ilibydoc/include
INC_ROOM   := $(INC_ENGINE) -Iroom/include
INC_SERVER := $(INC_ROOM) -Iserver
CSTD := -std=c11

ENGINE_SRC := $(wildcard libydoc/src/*.c)
DRIVER_SRC := $(wildcard libydoc/driver/*.c)
ROOM_SRC   := $(wildcard room/src/*.c)
SERVER_LIB := $(filter-out server/main.c,$(wildcard server/*.c server/*/*.c))
UNIT_SRC   := $(wildcard tests/unit/*_test.c)
SUPPORT_SRC := $(wildcard tests/support/*.c)
FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)

ENGINE_O := $(ENGINE_SRC:%.c=$(B)/%.o)
ROOM_O   := $(ROOM_SRC:%.c=$(B)/%.o)
SERVER_O := $(SERVER_LIB:%.c=$(B)/%.o) $(B)/server/page/page.o
SUPPORT_O := $(SUPPORT_SRC:%.c=$(B)/%.o)
UNITS    := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
FUZZERS  := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)

# `test` is a program at the root, so not a target here.
.PHONY: all sim unit asan auth crash storm copies sinks soak server-soak frames e2e edge browser peers convex fuzzers vectors suite differential wasm \
  fuzz bench check example example-edge edge-bundle clone deploy booted \
  format clean help static npm npm-types npm-test dist dist-check wasm-bench coverage FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/partyd $(BUILD)/ydoc ## build/partyd (the server) and build/ydoc (the engine on a line protocol)

$(BUILD)/partyd: $(B)/partyd
	$(Q)ln -sf $(MODE)/partyd $@
$(BUILD)/ydoc: $(B)/ydoc
	$(Q)ln -sf $(MODE)/ydoc $@

# System names (POSIX, GNU) are given to the host, the tests and the benchmarks only: engine and
# room cannot even see them.
flags_for = $(CSTD) $(WARN) $(mode_$(MODE)) -MMD -MP \
  $(if $(filter libydoc/src/% libydoc/driver/%,$<),$(INC_ENGINE)) \
  $(if $(filter libydoc/driver/%,$<),-Ilibydoc/driver -D_GNU_SOURCE) \
  $(if $(filter room/%,$<),$(INC_ROOM)) \
  $(if $(filter server/%,$<),$(INC_SERVER) -D_GNU_SOURCE -DPARTYD_VERSION='"$(VERSION)"' $(DEPS_CFLAGS)) \
  $(if $(filter edge/%,$<),$(INC_ROOM)) \
  $(if $(filter tests/% bench/%,$<),$(INC_SERVER) -I. -Itests -D_GNU_SOURCE $(DEPS_CFLAGS)) \
  $(EXTRA_CFLAGS)

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(flags_for) -c $< -o $@

# Rewritten only when the flags differ: a change of flags rebuilds, nothing else does.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(WARN) $(mode_$(MODE)) $(DEPS_CFLAGS) $(EXTRA_CFLAGS) $(VERSION)' | cmp -s - $@ || \
	  echo '$(CC) $(WARN) $(mode_$(MODE)) $(DEPS_CFLAGS) $(EXTRA_CFLAGS) $(VERSION)' > $@
FORCE:

# The page as an array of bytes.
$(B)/server/page/page.o: server/page/page.html server/page/page.h $(B)/flags
	@mkdir -p $(@D)
	$(Q){ echo '#include "page/page.h"'; echo 'const unsigned char page_html[] = {'; \
	  od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'; \
	  echo '}; const size_t page_html_len = sizeof page_html;'; } > $(@:.o=.c)
	$(Q)$(CC) $(CSTD) $(mode_$(MODE)) -Iserver -c $(@:.o=.c) -o $@

$(B)/libydoc.a: $(ENGINE_O)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(B)/libroom.a: $(ROOM_O)
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(B)/libserver.a: $(SERVER_O)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

LIBS_OURS := $(B)/libserver.a $(B)/libroom.a $(B)/libydoc.a
LINK = $(CC) $(mode_$(MODE)) $(LDFLAGS)

$(B)/partyd: $(B)/server/main.o $(LIBS_OURS)
	$(Q)$(LINK) $^ $(DEPS_LIBS) -o $@
$(B)/ydoc: $(DRIVER_SRC:%.c=$(B)/%.o) $(B)/libydoc.a
	$(Q)$(LINK) $^ -o $@

# ---- without shared libraries: runs on any Linux of the architecture, or alone in an image -------
# STATIC_ARCH=arm64 crosses. The libraries are made once. The linker warns of functions of glibc that load
# the machine's modules (build/static/ARCH.log): they are in the libraries, and nothing here calls them.
STATIC_ARCH ?= $(shell dpkg --print-architecture 2>/dev/null)
STATIC_CC   := $(if $(filter-out $(shell dpkg --print-architecture 2>/dev/null),$(STATIC_ARCH)),$(if $(filter arm64,$(STATIC_ARCH)),aarch64,x86_64)-linux-gnu-gcc,$(CC))
STATIC_LIBS := $(BUILD)/static/libs-$(STATIC_ARCH)
STATIC_LIST := uv_a sqlite3 curl ssl crypto cares jansson z zstd http_parser wslay
STATIC_OUT  := $(BUILD)/static/$(STATIC_ARCH)
$(STATIC_LIBS)/done: tools/static-libs
	$(Q)rm -rf $(@D) && CC=$(CC) tools/static-libs $(@D) $(STATIC_ARCH)
static: $(STATIC_LIBS)/done ## build/static/partyd, a binary without shared libraries; STATIC_ARCH=arm64 crosses
	$(Q)$(MAKE) MODE=release B=$(STATIC_OUT) CC=$(STATIC_CC) HTTP_D= HTTP_L= LDFLAGS=-static-pie DEPS_CFLAGS='-fPIE -DCURL_STATICLIB -I$(STATIC_LIBS)/include' \
	  DEPS_LIBS='-Wl,--gc-sections -L$(STATIC_LIBS)/lib $(STATIC_LIST:%=-l%) -lpthread -lm -ldl' $(STATIC_OUT)/partyd 2>$(STATIC_OUT).log || { cat $(STATIC_OUT).log >&2; exit 1; }
	$(Q)$(if $(filter $(STATIC_CC),$(CC)),,$(STATIC_CC:gcc=))strip -o $(STATIC_OUT)/stripped $(STATIC_OUT)/partyd
	$(Q)$(if $(filter $(STATIC_CC),$(CC)),ln -sf $(STATIC_ARCH)/stripped $(BUILD)/static/partyd)

# ---- tests -----------------------------------------------------------------------------------
$(B)/unit/%: $(B)/tests/unit/%.o $(SUPPORT_O) $(LIBS_OURS)
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ $(DEPS_LIBS) -lcmocka -o $@

# The memory of wasm32 stands on an array there.
$(B)/unit/wasm_%: $(B)/tests/unit/wasm_%.o $(B)/edge/wasm/heap.o
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -lcmocka -o $@

# Those of the engine need no more than the engine.
$(B)/unit/ydoc_%: $(B)/tests/unit/ydoc_%.o $(B)/libydoc.a
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -lcmocka -o $@

# A world of rooms, links, store and time from a seed; planted bugs show that it would notice.
N ?= 1000
SIM_SRC := $(wildcard tests/sim/*.c)
$(B)/sim/sim: $(SIM_SRC:%.c=$(B)/%.o) $(B)/libroom.a $(B)/libydoc.a
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -o $@
sim: $(B)/sim/sim ## N seeds of the simulation (N=20000 for a long run)
	$(Q)$(B)/sim/sim --seeds $(N)
	$(Q)for bug in gate drop sync status right wake user held gone; do \
	  if $(B)/sim/sim --seeds 300 --bug $$bug >/dev/null 2>&1; then \
	    echo "sim: the planted bug '$$bug' was not found in 300 seeds" >&2; exit 1; fi; done

unit: $(UNITS) ## unit tests, one program per file of tests/unit
	$(Q)tools/run-units $(UNITS)
# A leak, an overflow or undefined behaviour ends the program with an error, so its test fails. The
# preloads of the disk tests come before the checker's library: that order is meant.
asan: wasm ## all tests that run our code, under address and undefined-behaviour checks
	$(Q)$(MAKE) MODE=tight $(BUILD)/tight/unit/ydoc_scarce_test && tools/run-units $(BUILD)/tight/unit/ydoc_scarce_test
	$(Q)$(MAKE) MODE=asan unit $(BUILD)/asan/ydoc $(BUILD)/asan/partyd $(BUILD)/asan/preload/clock.so $(BUILD)/asan/crash/disk.so $(BUILD)/asan/frames/frames
	$(Q)cd tests && YDOC=../$(BUILD)/asan/ydoc WASM=../$(BUILD)/wasm/ydoc.wasm $(NODE_TEST) vectors/*.test.mjs
	$(Q)cd tests && YDOC=../$(BUILD)/asan/ydoc node differential/run.mjs --sessions 200
	$(Q)cd tests && YDOC=../$(BUILD)/asan/ydoc node differential/peers-run.mjs --sessions 100
	$(Q)cd tests && ASAN_OPTIONS=verify_asan_link_order=0 PARTYD=../$(BUILD)/asan/partyd \
	  CLOCK=../$(BUILD)/asan/preload/clock.so DISK=../$(BUILD)/asan/crash/disk.so GENERATOR=../$(BUILD)/asan/frames/frames \
	  $(NODE_TEST) --test-concurrency=4 e2e/*.test.mjs

# Lines by gcov, error returns by clang, which knows the two sides of a condition.
ENGINE_UNITS := $(notdir $(basename $(wildcard tests/unit/ydoc_*_test.c)))
coverage: wasm ## lines and error returns of libydoc/src that its tests reach; V=-v names the others
	$(Q)$(MAKE) -s MODE=cov $(ENGINE_UNITS:%=$(BUILD)/cov/unit/%) $(BUILD)/cov/ydoc
	$(Q)tools/coverage $(BUILD)/cov $(V)
	$(Q)$(MAKE) -s MODE=errs CC=$(CLANG) $(ENGINE_UNITS:%=$(BUILD)/errs/unit/%) $(BUILD)/errs/ydoc
	$(Q)tools/coverage-errors $(BUILD)/errs 0 $(V)
vectors: $(B)/ydoc wasm ## recorded Yjs updates against the engine, natively and as wasm
	$(Q)cd tests && YDOC=../$(B)/ydoc WASM=../$(BUILD)/wasm/ydoc.wasm $(NODE_TEST) vectors/*.test.mjs
# What the tests of yjs itself ask for, with the engine as wasm, with yjs, and with peers of both.
suite: wasm ## the cases of yjs's own tests, see docs/yjs-suite.md
	$(Q)cd tests && WASM=../$(BUILD)/wasm/ydoc.wasm $(NODE_TEST) yjs-suite/*.test.mjs
# Access on a line protocol, driven from Node.
$(B)/authdriver: $(B)/tests/auth/driver.o $(LIBS_OURS)
	$(Q)$(LINK) $^ $(DEPS_LIBS) -o $@
auth: $(B)/authdriver ## tokens minted in Node against access control; outgoing HTTP
	$(Q)cd tests && AUTHDRIVER=../$(B)/authdriver $(NODE_TEST) auth/*.test.mjs
differential: $(B)/ydoc ## N random sessions played in yjs and in the engine, N of peers that both edit
	$(Q)cd tests && YDOC=../$(B)/ydoc node differential/run.mjs --sessions $(or $(N),2000)
	$(Q)cd tests && YDOC=../$(B)/ydoc node differential/peers-run.mjs --sessions $(or $(N),1000)

# The store after power loss, failing calls, flipped bits.
CRASH_O := $(patsubst %.c,$(B)/%.o,$(wildcard tests/crash/*.c))
$(B)/crash/crash: $(CRASH_O) $(LIBS_OURS) $(B)/crash/disk.so
	@mkdir -p $(@D)
	$(Q)$(LINK) $(CRASH_O) $(LIBS_OURS) $(DEPS_LIBS) -o $@ -Wl,--wrap=sqlite3_exec \
	  -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
$(B)/crash/disk.so: tests/preload/disk.c tests/preload/disk.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(WARN) -Wno-pedantic -O2 -D_GNU_SOURCE -shared -fPIC $< -o $@ -ldl
# Clocks that a test moves.
$(B)/preload/clock.so: tests/preload/clock.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(WARN) -Wno-pedantic -O2 -D_GNU_SOURCE -shared -fPIC $< -o $@ -ldl
crash: $(B)/crash/crash ## the store after power loss, failing calls, flipped bits, without memory
	$(Q)cd tests && CRASH=../$(B)/crash/crash $(NODE_TEST) crash/*.test.mjs

storm: $(BUILD)/partyd ## the built server is killed N times while real clients type
	$(Q)cd tests && KILLS=$(N) PARTYD=../$(BUILD)/partyd $(NODE_TEST) e2e/kill.test.mjs
copies: $(B)/crash/crash $(BUILD)/partyd ## a process that copies rooms between stores, and one that makes a backup, are killed N times
	$(Q)$(B)/crash/crash copy $(N)
	$(Q)cd tests && KILLS=$(N) PARTYD=../$(BUILD)/partyd $(NODE_TEST) e2e/backup-kill.test.mjs
sinks: $(BUILD)/partyd web/convex/dist/index.js ## the built server is killed N times while it copies to S3, and N times to Convex
	$(Q)cd tests && KILLS=$(N) PARTYD=../$(BUILD)/partyd $(NODE_TEST) e2e/sink-kills.test.mjs convex/sink-kills.test.mjs
MINUTES ?= 60
soak: $(B)/crash/crash ## MINUTES of work on one store: what must stay bounded does
	$(Q)$(B)/crash/crash soak $(MINUTES)
server-soak: $(BUILD)/partyd ## MINUTES of coming and going on the built server
	$(Q)cd tests && MINUTES=$(MINUTES) PARTYD=../$(BUILD)/partyd node soak/server.mjs

# Frames that no client would send.
$(B)/frames/frames: $(B)/tests/frames/frames.o
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -lz -o $@
frames: $(BUILD)/partyd $(B)/frames/frames ## N fuzzed frames against the built server, beside real clients
	$(Q)cd tests && FRAMES=$(N) PARTYD=../$(BUILD)/partyd GENERATOR=../$(B)/frames/frames node --test e2e/frames.test.mjs

e2e: $(BUILD)/partyd $(B)/preload/clock.so $(B)/crash/disk.so $(B)/frames/frames ## the built server with the real providers, kills and failing disks
	$(Q)cd tests && PARTYD=../$(BUILD)/partyd CLOCK=../$(B)/preload/clock.so DISK=../$(B)/crash/disk.so \
	  GENERATOR=../$(B)/frames/frames $(NODE_TEST) --test-concurrency=4 e2e/*.test.mjs

# The Worker with the room in wasm, and the tests of the edge: its own, and those of e2e that are not about the
# native host alone. Most of their time they wait, so six at a time.
edge/dist/index.js: $(BUILD)/wasm/room.wasm $(wildcard edge/src/*.ts edge/src/*/*.ts) edge/build.mjs edge/types/index.d.ts edge/package-lock.json
	$(Q)cd edge && node_modules/.bin/tsc -p . && ROOM_WASM=../$(BUILD)/wasm/room.wasm node build.mjs
EDGE_TESTS ?= edge/*.test.mjs e2e/access.test.mjs e2e/access-hook.test.mjs e2e/ends.test.mjs e2e/hocuspocus*.test.mjs e2e/idle.test.mjs e2e/providers.test.mjs e2e/together.test.mjs e2e/tokens.test.mjs e2e/http.test.mjs e2e/kill.test.mjs
# A native room behind the same events, to be compared with.
$(B)/nativeroom: $(B)/tests/edge/native.o $(B)/edge/abi/sum.o $(LIBS_OURS)
	$(Q)$(LINK) $^ $(DEPS_LIBS) -o $@
edge: edge/dist/index.js $(BUILD)/partyd $(B)/nativeroom web/convex/dist/index.js ## the rooms as Durable Objects, in the local runtime of Cloudflare
	$(Q)cd tests && AUTHDRIVER=edge/authdriver.mjs $(NODE_TEST) auth/app.test.mjs auth/keys.test.mjs auth/tokens.test.mjs
	$(Q)cd tests && EDGE=../edge NATIVE_ROOM=../$(B)/nativeroom KILLS=$${KILLS:-10} PARTYD=../$(BUILD)/partyd $(NODE_TEST) --test-concurrency=6 $(EDGE_TESTS)
	$(Q)cd example && EXAMPLE_EDGE=1 $(NODE_TEST) --test-name-pattern="$(EXAMPLE_EDGE_SOME)" tests/app.test.mjs
# The application in browsers with these rooms: of its tests those in which rooms do most, in make edge; all of them here.
EXAMPLE_EDGE_SOME := who is where|two people write|pictures in a document|restarted under|a viewer sees|who is removed
example-edge: edge/dist/index.js $(BUILD)/partyd web/convex/dist/index.js ## all browser tests of example/ with the rooms as Durable Objects
	$(Q)cd example && EXAMPLE_EDGE=1 $(NODE_TEST) tests/app.test.mjs
edge-bundle: edge/dist/index.js ## what wrangler would deploy of example/, without an account; fetches wrangler from npm
	$(Q)cd example && npm run --silent deploy:edge -- --dry-run --outdir $(abspath $(BUILD))/edge-bundle

browser: $(BUILD)/partyd ## pages in a Chromium: ours in two tabs, stock providers with compression
	$(Q)cd tests && PARTYD=../$(BUILD)/partyd $(NODE_TEST) browser/*.test.mjs

example: $(BUILD)/partyd web/convex/dist/index.js ## the application of example/ in browsers, its types, its size; screenshots in build/screenshots
	$(Q)cd example && npm run --silent typecheck && PARTYD_BINARY=$${PARTYD:-$(abspath $(BUILD))/partyd} $(NODE_TEST) tests/*.test.mjs
clone: npm ## a fresh clone with Node and nothing else: npm install && npm run dev:offline, with the packages of `make npm`
	$(Q)cd example && PACKAGES=$(abspath $(BUILD))/npm $(NODE_TEST) tests/clone/*.test.mjs
# The guides of docs/migrate as a reader follows them, and the ways into production.
# What systemd does for a service with a socket.
$(B)/deploy/manager: $(B)/tests/deploy/manager.o
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -o $@
deploy: $(BUILD)/partyd $(BUILD)/static/partyd $(B)/deploy/manager ## migration guides, systemd, container image, release and its rollback
	$(Q)cd tests && PARTYD=../$(BUILD)/partyd STATIC=../$(BUILD)/static/partyd \
	  MANAGER=../$(B)/deploy/manager $(NODE_TEST) --test-concurrency=2 deploy/*.test.mjs
booted: $(BUILD)/static/partyd ## the units under a systemd that is booted in namespaces; as root
	$(Q)sh tests/deploy/booted.sh
$(BUILD)/static/partyd: FORCE
	$(Q)$(MAKE) -s static

# Other servers and editors, run and recorded anew: tests/peers. Large, one package is native.
NODE_HEADERS ?= /usr
peers: $(BUILD)/partyd $(B)/ydoc wasm ## runs the real peers, records what they store, and imports it
	$(Q)cd tests/peers && npm ci --legacy-peer-deps --no-audit --no-fund --loglevel=error && \
	  { node -e 'require("sqlite3")' 2>/dev/null || npm_config_nodedir=$(NODE_HEADERS) npm rebuild sqlite3 --build-from-source; }
	$(Q)cd tests/peers && for peer in partykit hocuspocus blocknote; do \
	  node $$peer.mjs > $$peer.json.new && mv $$peer.json.new ../vectors/data/$$peer.json || exit 1; done
	$(Q)cd tests && PARTYD=../$(BUILD)/partyd $(NODE_TEST) e2e/import.test.mjs
	$(Q)cd tests && YDOC=../$(B)/ydoc WASM=../$(BUILD)/wasm/ydoc.wasm $(NODE_TEST) vectors/export.test.mjs

# The package is built by the compiler of the example, which is its first user.
web/convex/dist/index.js: $(wildcard web/convex/src/*.ts) web/convex/tsconfig.json
	$(Q)example/node_modules/.bin/tsc -p web/convex
convex: $(BUILD)/partyd $(B)/preload/clock.so web/convex/dist/index.js ## functions of example/convex, offline, and the chain with the server
	$(Q)example/node_modules/.bin/tsc -p example/convex
	$(Q)cd tests && PARTYD=$${PARTYD:-../$(BUILD)/partyd} CLOCK=../$(B)/preload/clock.so \
	  $(NODE_TEST) --test-concurrency=2 convex/*.test.mjs

# ---- the npm packages: npm/README.md --------------------------------------------------------------
npm-types: $(BUILD)/partyd ## schema and types of npm/partyd anew, from the table of settings
	$(Q)node tools/npm-types.mjs $(BUILD)/partyd npm/partyd
# arm64 where its compiler is. A Mac has its own: node tools/npm-pack.mjs build/npm darwin-arm64=build/partyd
npm: static edge/dist/index.js web/convex/dist/index.js ## packages in build/npm: partyd, the server for each platform that can be built here, @partyd/edge and @partyd/convex
	$(Q)rm -rf $(BUILD)/npm
	$(Q)set -e; platforms=linux-$(if $(filter arm64,$(STATIC_ARCH)),arm64,x64)=$(BUILD)/static/partyd; \
	  if [ "$(STATIC_ARCH)" = amd64 ] && command -v aarch64-linux-gnu-gcc >/dev/null; then \
	    $(MAKE) -s static STATIC_ARCH=arm64; platforms="$$platforms linux-arm64=$(BUILD)/static/arm64/stripped"; \
	  else echo "npm: no linux-arm64 here: it needs gcc-aarch64-linux-gnu on amd64"; fi; \
	  node tools/npm-pack.mjs $(BUILD)/npm $$platforms edge web/convex
NPM_BINARY ?= $(BUILD)/partyd
npm-test: $(BUILD)/partyd ## the packages installed offline in an empty project; NPM_BINARY: the server in them
	$(Q)cd tests && PARTYD=../$(BUILD)/partyd NPM_BINARY=../$(NPM_BINARY) $(NODE_TEST) --test-concurrency=2 npm/*.test.mjs

# ---- wasm32: engine and room must build without any system header but the freestanding ones ---
# What every update goes through is compiled for speed, the rest for size. What is inlined there is left
# to wasm-opt, which sees the whole module: docs/decisions/0170. Structs by value go as their fields, not as
# the address of a copy: docs/decisions/0225.
# No turned loops and no loads moved to where paths part: what is written twice is packed badly, decision 0227.
WASM_HOT   := bulk validate schedule single integrate conflict origins split cleanup smap read_v1 emit_v1 base utf8 any mem heap
WASM_SPEED := -O2 -fno-unroll-loops -mllvm -inline-threshold=0 -mllvm -inlinehint-threshold=60 -mllvm -rotation-max-header-size=0
WASM_SIZE  := -Oz -mllvm -inline-threshold=-60
# Results of several words go as several values where there is a clang that can, from 19 on; older ones crash, and get them
# through memory. An optimiser of today's age is in edge/'s lock file; without both it is larger and slower: decision 0277.
WASM_CLANG := $(shell for clang in $(CLANG) clang-19; do version=$$($$clang -dumpversion 2>/dev/null) && [ "$${version%%.*}" -ge 19 ] && echo $$clang && break; done)
WASM_OPT   := $(abspath $(firstword $(wildcard edge/node_modules/.bin/wasm-opt) $(shell command -v wasm-opt)))
# What the limits of dist-check are meant for.
WASM_BEST  := $(and $(WASM_CLANG),$(findstring /edge/node_modules/,$(WASM_OPT)))
WASM_NEW   := $(if $(WASM_CLANG),-mmultivalue -msign-ext -mnontrapping-fptoint)
WASM_ABI   := -mcpu=mvp -mbulk-memory $(WASM_NEW) -Xclang -target-abi -Xclang experimental-mv -mllvm -disable-lsr \
  -mllvm -enable-pre=false -mllvm -enable-load-pre=false
WASM_FLAGS = --target=wasm32 $(WASM_ABI) $(CSTD) $(if $(filter $(WASM_HOT),$(basename $(notdir $<))),$(WASM_SPEED),$(WASM_SIZE)) $(WARN) -ffreestanding -fno-builtin-memcpy \
  -isystem edge/wasm/include -Iedge/wasm $(INC_ROOM) -Ilibydoc/driver -MMD -MP
WASM_MEM := edge/wasm/mem.c edge/wasm/heap.c
WASM_ROOM_SRC := $(ENGINE_SRC) $(ROOM_SRC) $(WASM_MEM) $(wildcard edge/abi/*.c)
WASM_DRIVER_SRC := $(ENGINE_SRC) $(filter-out libydoc/driver/main.c,$(DRIVER_SRC)) $(wildcard edge/wasm/*.c)
# Of other flags an object would not even be called in the same way: made anew with the Makefile, and with other tools.
WASM_CC    := $(or $(WASM_CLANG),$(CLANG))
WASM_MADE  := Makefile $(BUILD)/wasm/made
$(BUILD)/wasm/made: FORCE
	@mkdir -p $(@D)
	@echo '$(WASM_CC) $(WASM_NEW) $(LLD) $(WASM_OPT)' | cmp -s - $@ || echo '$(WASM_CC) $(WASM_NEW) $(LLD) $(WASM_OPT)' > $@
$(BUILD)/wasm/%.o: %.c $(WASM_MADE)
	@mkdir -p $(@D)
	$(Q)$(WASM_CC) $(WASM_FLAGS) -c $< -o $@
# clang 14 would run wasm-opt by itself when it links, without the bulk-memory switch: so wasm-ld.
# wasm-opt where it is installed: a fifth smaller, a tenth faster. A second round finds a little, a third nothing. A function goes to
# its callers if it is small (WASM_PLACED, about as many instructions: V8 calls what is left, which takes time, but copies take
# bytes: decision 0277), one with a single caller up to 80: large bodies with many locals are packed badly. Nothing lies in the first 1,024 bytes; in the
# room they are the last ones of its stack, and a frame that gets there traps at once or in the next call: docs/decisions/0257.
WASM_PLACED := 8
$(BUILD)/dist/ydoc-core.wasm $(BUILD)/bench/engine.wasm: WASM_PLACED := 12
$(BUILD)/wasm/room.wasm $(BUILD)/bench/room.wasm: WASM_PLACED := 20
WASM_HAS := --enable-bulk-memory --enable-multivalue --enable-sign-ext --enable-nontrapping-float-to-int
wasm_opt = $(if $(WASM_OPT),$(WASM_OPT) $(WASM_HAS) -Oz -Oz --low-memory-unused -aimfs $(WASM_PLACED) -ocimfs 80 $@ -o $@,true)
wasm_link = $(LLD) --no-entry --strip-all -z stack-size=262144 $(1) $(filter $(BUILD)/wasm/%.o,$^) -o $@ && $(wasm_opt)
$(BUILD)/wasm/ydoc.wasm: $(WASM_DRIVER_SRC:%.c=$(BUILD)/wasm/%.o)
	$(Q)$(call wasm_link)
# The room never asks for V2: what would write it is left out there (sink.h).
WASM_OF_ROOM := $(filter $(addprefix libydoc/src/,$(addsuffix .c,emit fold merge merged obfuscate parts sink snapshot state update)),$(ENGINE_SRC))
WASM_ROOM_ENGINE_O := $(patsubst %.c,$(BUILD)/wasm/room/%.o,$(WASM_OF_ROOM)) $(patsubst %.c,$(BUILD)/wasm/%.o,$(filter-out $(WASM_OF_ROOM),$(ENGINE_SRC)))
WASM_ROOM_O := $(WASM_ROOM_ENGINE_O) $(patsubst %.c,$(BUILD)/wasm/%.o,$(filter-out $(ENGINE_SRC),$(WASM_ROOM_SRC)))
$(BUILD)/wasm/room/%.o: %.c $(WASM_MADE)
	@mkdir -p $(@D)
	$(Q)$(WASM_CC) $(WASM_FLAGS) -DYD_ROOM -c $< -o $@
$(BUILD)/wasm/room.wasm: $(WASM_ROOM_O)
	$(Q)$(LLD) --no-entry --strip-all --gc-sections --stack-first -z stack-size=131072 $^ -o $@
	$(Q)$(wasm_opt)
wasm: $(BUILD)/wasm/ydoc.wasm $(BUILD)/wasm/room.wasm ## the engine's driver and a room for wasm32

# ---- libydoc by itself -------------------------------------------------------------------------
DIST := $(BUILD)/dist
DIST_STRICT := $(CSTD) -Wall -Wextra -Wpedantic -Werror
$(DIST)/ydoc.c: tools/amalgamate.mjs VERSION $(ENGINE_SRC) $(wildcard libydoc/*/*.h libydoc/include/ydoc/*.h libydoc/example/* libydoc/dist/*)
	$(Q)node tools/amalgamate.mjs $(DIST)
$(DIST)/ydoc.o: $(DIST)/ydoc.c
	$(Q)$(CC) $(DIST_STRICT) -O2 -c $< -o $@
# Modules of what is in these public headers. The first is for who edits and reads, the second for who stores,
# prints and looks back; neither needs the other, both take and give bytes. The third is all: decision 0226.
WASM_CORE  := base doc update edit shared changes position
WASM_TOOLS := base doc update export snapshot analysis cold parts parse
$(DIST)/ydoc-core.wasm: WASM_HEADERS := $(WASM_CORE)
$(DIST)/ydoc-tools.wasm: WASM_HEADERS := $(WASM_TOOLS)
$(DIST)/ydoc.wasm: WASM_HEADERS :=
# Who stores and prints gets documents whole: the short way of single updates is in the others only (section.h).
WASM_ENGINE_O := $(ENGINE_SRC:%.c=$(BUILD)/wasm/%.o)
$(DIST)/ydoc-core.wasm $(DIST)/ydoc.wasm: $(WASM_ENGINE_O)
$(DIST)/ydoc-tools.wasm: $(filter-out %/apply.o,$(WASM_ENGINE_O)) $(BUILD)/wasm/whole/libydoc/src/apply.o
$(BUILD)/wasm/whole/%.o: %.c $(WASM_MADE)
	@mkdir -p $(@D)
	$(Q)$(WASM_CC) $(WASM_FLAGS) -DYD_TOOLS -c $< -o $@
$(DIST)/%.wasm: $(WASM_MEM:%.c=$(BUILD)/wasm/%.o) tools/wasm-exports.mjs
	@mkdir -p $(@D)
	$(Q)$(call wasm_link,$$(node tools/wasm-exports.mjs $(WASM_HEADERS)))
# For who serves files packed beforehand: the format of gzip by an encoder that takes its time.
$(DIST)/%.wasm.gz: $(DIST)/%.wasm
	$(Q)if command -v zopfli >/dev/null; then zopfli -c $< >$@; else gzip -9nc $< >$@; fi
dist: $(DIST)/ydoc.c ## libydoc as ydoc.c and ydoc.h, with example and pkg-config file, in build/dist
# The driver sees one header in place of all.
$(DIST)/check/ydoc: $(DIST)/ydoc.o $(DRIVER_SRC)
	@mkdir -p $(DIST)/check/include/ydoc
	$(Q)for h in $(notdir $(wildcard libydoc/include/ydoc/*.h)); do echo '#include "ydoc.h"' >$(DIST)/check/include/ydoc/$$h; done
	$(Q)$(CC) $(DIST_STRICT) -O2 -D_GNU_SOURCE -I$(DIST) -I$(DIST)/check/include -Ilibydoc/driver $(DRIVER_SRC) $(DIST)/ydoc.o -o $@
# The aim is 120,000 bytes and 50,000 packed for each of the two modules: zopfli gets there, gzip -9 does not
# (docs/performance.md, decisions 0227 and 0277). Limits of bytes, gzip -9 and zopfli; they go down,
# and went up once, for the short way of single updates: 0277.
dist-check: $(DIST)/check/ydoc wasm ## what make dist makes: strict C11, used from C++, the same vectors
	$(Q)$(CC) $(DIST_STRICT) -O2 $(DIST)/example.c $(DIST)/ydoc.o -o $(DIST)/check/example
	$(Q)$(CXX) -std=c++17 -Wall -Wextra -Wpedantic -Werror -I$(DIST) tests/dist/use.cpp $(DIST)/ydoc.o -o $(DIST)/check/use
	$(Q)$(DIST)/check/use
	$(Q)$(CXX) -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $(DIST)/ydoc.h
	$(Q)cd tests && YDOC=../$(DIST)/check/ydoc WASM=../$(BUILD)/wasm/ydoc.wasm $(NODE_TEST) vectors/*.test.mjs
	$(Q)$(MAKE) -s $(DIST)/ydoc.wasm.gz $(DIST)/ydoc-core.wasm.gz $(DIST)/ydoc-tools.wasm.gz
	$(Q)BEST=$(WASM_BEST) tools/wasm-size $(DIST)/ydoc-core.wasm 115700 52250 49850
	$(Q)BEST=$(WASM_BEST) tools/wasm-size $(DIST)/ydoc-tools.wasm 111400 52300 49650
	$(Q)BEST=$(WASM_BEST) tools/wasm-size $(DIST)/ydoc.wasm 140000 65400 62000
	$(Q)BEST=$(WASM_BEST) tools/wasm-size $(BUILD)/wasm/room.wasm 120000 52800

# ---- fuzzing: clang's libFuzzer with address and undefined-behaviour checks --------------------
FUZZ_CHECKS := address,undefined
FUZZ_FLAGS := $(CSTD) -O1 -g -fsanitize=fuzzer-no-link,$(FUZZ_CHECKS) -fno-sanitize-recover=all -MMD -MP \
  -D_GNU_SOURCE $(INC_SERVER) -I. -Itests $(DEPS_CFLAGS) -DPARTYD_VERSION='"$(VERSION)"'
FUZZ_LINK = $(CLANG) -fsanitize=fuzzer,$(FUZZ_CHECKS) $^
FUZZ_LIBS := $(HTTP_L) -lwslay -lcrypto -ljansson -lz
FUZZ_LIB_SRC := $(ENGINE_SRC) libydoc/driver/script.c $(ROOM_SRC) $(wildcard server/wire/*.c)
FUZZ_AUTH_SRC := $(ENGINE_SRC) $(wildcard server/auth/*.c server/fetch/*.c) \
  $(patsubst %,server/ops/%.c,heap settings policy naming sinks source nearest)
# In tight/ tables grow with every element: whoever kept an address, or reserved too little, is caught.
FO := $(BUILD)/fuzz/o
FT := $(BUILD)/fuzz/tight
FUZZ_TIGHT := $(BUILD)/fuzz/fuzz_apply $(BUILD)/fuzz/fuzz_edit
$(FO)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -c $< -o $@
$(FT)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -DYD_TIGHT -c $< -o $@
$(FUZZ_TIGHT): $(BUILD)/fuzz/%: $(FT)/tests/fuzz/%.o $(FUZZ_LIB_SRC:%.c=$(FT)/%.o)
	$(Q)$(FUZZ_LINK) $(FUZZ_LIBS) -o $@
# Access needs the libraries that the others do without.
$(BUILD)/fuzz/fuzz_auth_%: $(FO)/tests/fuzz/fuzz_auth_%.o $(FUZZ_AUTH_SRC:%.c=$(FO)/%.o)
	$(Q)$(FUZZ_LINK) $(DEPS_LIBS) -o $@
$(BUILD)/fuzz/%: $(FO)/tests/fuzz/%.o $(FUZZ_LIB_SRC:%.c=$(FO)/%.o)
	$(Q)$(FUZZ_LINK) $(FUZZ_LIBS) -o $@
.PRECIOUS: $(FO)/%.o $(FT)/%.o
fuzzers: $(FUZZERS)
fuzz: fuzzers ## T seconds of each fuzzer, after its corpus and regressions
	$(Q)tools/run-fuzzers $(T) $(FUZZERS)

# ---- benchmarks --------------------------------------------------------------------------------
bench: $(BUILD)/bench/engine $(BUILD)/bench/attacks $(BUILD)/bench/fanout $(BUILD)/bench/join $(BUILD)/bench/floor $(BUILD)/bench/store $(BUILD)/bench/auth $(BUILD)/bench/refused $(BUILD)/partyd ## all of build/bench
$(BUILD)/bench/engine: $(B)/bench/engine/engine.o $(B)/bench/engine/walk.o $(B)/libydoc.a
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -o $@
$(BUILD)/bench/attacks: $(B)/bench/attacks/attacks.o $(B)/libydoc.a
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -o $@
$(BUILD)/bench/engine.wasm: $(BUILD)/wasm/bench/engine/wasm_abi.o $(WASM_MEM:%.c=$(BUILD)/wasm/%.o) $(ENGINE_SRC:%.c=$(BUILD)/wasm/%.o)
$(BUILD)/bench/room.wasm: $(BUILD)/wasm/bench/engine/wasm_abi.o $(WASM_MEM:%.c=$(BUILD)/wasm/%.o) $(WASM_ROOM_ENGINE_O)
$(BUILD)/bench/engine.wasm $(BUILD)/bench/room.wasm:
	@mkdir -p $(@D)
	$(Q)$(call wasm_link)
wasm-bench: $(BUILD)/bench/engine.wasm $(BUILD)/bench/room.wasm ## the engine in wasm32 for bench/engine/run (WASM=1), and as a room has it (BENCH_WASM)
$(BUILD)/bench/fanout: $(B)/bench/fanout/fanout.o $(B)/libydoc.a
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -o $@
$(BUILD)/bench/join: $(B)/bench/join/join.o $(B)/libydoc.a
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -o $@
$(BUILD)/bench/floor: $(B)/bench/join/floor.o
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -o $@
$(BUILD)/bench/auth: $(B)/bench/auth/auth.o $(LIBS_OURS)
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ $(DEPS_LIBS) -o $@

$(BUILD)/bench/refused: $(B)/bench/auth/refused.o
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ -o $@
$(BUILD)/bench/store: $(B)/bench/store/store.o $(B)/bench/store/watch.o $(LIBS_OURS)
	@mkdir -p $(@D)
	$(Q)$(LINK) $^ $(DEPS_LIBS) -rdynamic -o $@

# ---- checks ------------------------------------------------------------------------------------
C_FILES := $(shell git ls-files '*.c' '*.h' 2>/dev/null)
check: ## format, dependency directions, rules and their tests, clang-tidy, cppcheck
	$(Q)tools/check

format: ## rewrites all C files in the house format
	$(Q)clang-format -i $(C_FILES)

clean: ## removes build/
	$(Q)rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
