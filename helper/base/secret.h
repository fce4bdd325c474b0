// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Memory for keys and passphrases.
 *
 * Owns a buffer that is locked into memory where the limits allow (never
 * swapped), kept out of core dumps, guarded on both sides, and wiped when it is
 * freed. Move only: a copy has to be asked for, with clone().
 *
 * Threads: one owner at a time; reading from several threads is fine.
 */
#pragma once

#include "helper/base/coding.h"

namespace dormouse {

class Secret
{
public:
    Secret() = default;
    /// Zeroed memory. Aborts the process when there is none, as `new` would.
    explicit Secret(std::size_t sizeBytes);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    /// Copies; wiping the original is the caller's business (see wipe()).
    [[nodiscard]] static Secret copyOf(ByteView bytes);
    [[nodiscard]] static Secret copyOf(std::string_view text) { return copyOf(asBytes(text)); }
    [[nodiscard]] static Secret random(std::size_t sizeBytes);
    [[nodiscard]] Secret clone() const { return copyOf(view()); }

    /// Everything up to end of file of a pipe or file, at most `maxBytes`; one
    /// trailing newline is dropped. How passphrases arrive from callers. Blocks.
    [[nodiscard]] static Result<Secret> readFrom(int fd, std::size_t maxBytes);

    [[nodiscard]] std::uint8_t* data() { return m_data; }
    [[nodiscard]] const std::uint8_t* data() const { return m_data; }
    [[nodiscard]] std::size_t size() const { return m_sizeBytes; }
    [[nodiscard]] bool empty() const { return m_sizeBytes == 0; }
    [[nodiscard]] ByteView view() const { return {m_data, m_sizeBytes}; }
    [[nodiscard]] std::string_view text() const { return asText(view()); }

    /// Without telling through timing where the first difference is.
    [[nodiscard]] bool equals(ByteView other) const;

private:
    void free();

    std::uint8_t* m_data = nullptr;
    std::size_t m_sizeBytes = 0;
};

/// Overwrites memory in a way the compiler may not leave out.
void wipe(MutableByteView bytes);
void wipe(std::string& text);

/// Fills with unpredictable bytes.
void randomBytes(MutableByteView bytes);

} // namespace dormouse
