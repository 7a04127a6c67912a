# Dependencies: what a build needs, installed by apt on Debian and Ubuntu, printed elsewhere.
DEB_BUILD := gcc make pkg-config librdkafka-dev liblmdb-dev libyaml-dev libmicrohttpd-dev libcurl4-openssl-dev libjansson-dev \
        libpcre2-dev libpq-dev libsqlite3-dev zlib1g-dev libzstd-dev liblzma-dev
DEB_TEST := postgresql libcmocka-dev g++ python3 xz-utils zstd curl openssl locales
DEB_LINT := clang clang-format clang-tidy libclang-rt-14-dev

.PHONY: deps test-deps lint-deps
deps: ; @scripts/install-deps $(DEB_BUILD)
test-deps: ; @scripts/install-deps $(DEB_TEST)
lint-deps: ; @scripts/install-deps $(DEB_LINT)
