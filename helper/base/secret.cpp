// SPDX-License-Identifier: GPL-3.0-or-later
#include "helper/base/secret.h"

#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace dormouse {

namespace {

void ensureSodium()
{
    static const int ready = sodium_init();
    if (ready < 0)
        std::abort(); // no source of randomness: nothing of ours may go on
}

} // namespace

Secret::Secret(std::size_t sizeBytes) : m_sizeBytes(sizeBytes)
{
    if (sizeBytes == 0)
        return;
    ensureSodium();
    // sodium_malloc() fills with 0xdb and survives a refused mlock().
    m_data = static_cast<std::uint8_t*>(sodium_malloc(sizeBytes));
    if (m_data == nullptr)
        std::abort();
    std::memset(m_data, 0, sizeBytes);
}

Secret::Secret(Secret&& other) noexcept
    : m_data(std::exchange(other.m_data, nullptr)), m_sizeBytes(std::exchange(other.m_sizeBytes, 0))
{
}

Secret& Secret::operator=(Secret&& other) noexcept
{
    if (this != &other) {
        free();
        m_data = std::exchange(other.m_data, nullptr);
        m_sizeBytes = std::exchange(other.m_sizeBytes, 0);
    }
    return *this;
}

Secret::~Secret()
{
    free();
}

void Secret::free()
{
    sodium_free(m_data); // wipes; accepts null
    m_data = nullptr;
    m_sizeBytes = 0;
}

Secret Secret::copyOf(ByteView bytes)
{
    Secret secret(bytes.size());
    std::copy(bytes.begin(), bytes.end(), secret.m_data);
    return secret;
}

Secret Secret::random(std::size_t sizeBytes)
{
    Secret secret(sizeBytes);
    randomBytes({secret.m_data, sizeBytes});
    return secret;
}

Result<Secret> Secret::readFrom(int fd, std::size_t maxBytes)
{
    Secret buffer(maxBytes + 1);
    std::size_t have = 0;
    while (have < buffer.size()) {
        const ssize_t got = ::read(fd, buffer.data() + have, buffer.size() - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failErrno("cannot read the secret");
        if (got == 0)
            break;
        have += static_cast<std::size_t>(got);
    }
    if (have > maxBytes)
        return fail(Error::Code::Invalid, "the secret is too long");
    if (have > 0 && buffer.data()[have - 1] == '\n')
        --have;
    return copyOf(buffer.view().first(have));
}

bool Secret::equals(ByteView other) const
{
    return other.size() == m_sizeBytes &&
           (m_sizeBytes == 0 || sodium_memcmp(m_data, other.data(), m_sizeBytes) == 0);
}

void wipe(MutableByteView bytes)
{
    sodium_memzero(bytes.data(), bytes.size());
}

void wipe(std::string& text)
{
    sodium_memzero(text.data(), text.size());
    text.clear();
}

void randomBytes(MutableByteView bytes)
{
    ensureSodium();
    randombytes_buf(bytes.data(), bytes.size());
}

} // namespace dormouse
