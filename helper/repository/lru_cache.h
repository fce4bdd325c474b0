// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The last few of something that is expensive to get. Internal to the library.
 *
 * Values are shared pointers to constants: whoever holds one keeps it, whatever
 * the cache drops. Threads: any.
 */
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace dormouse {

template <typename Key, typename Value, typename Hash> class LruCache
{
public:
    using Pointer = std::shared_ptr<const Value>;

    /// Holds `capacity` values, at least one.
    explicit LruCache(std::size_t capacity) : m_capacity(capacity > 0 ? capacity : 1) {}

    /// Null if it is not there.
    [[nodiscard]] Pointer get(const Key& key)
    {
        const std::lock_guard lock(m_mutex);
        const auto found = m_places.find(key);
        if (found == m_places.end())
            return {};
        m_items.splice(m_items.begin(), m_items, found->second);
        return found->second->second;
    }

    void put(const Key& key, Pointer value)
    {
        const std::lock_guard lock(m_mutex);
        if (m_places.count(key) != 0)
            return;
        m_items.emplace_front(key, std::move(value));
        m_places.emplace(key, m_items.begin());
        if (m_items.size() > m_capacity) {
            m_places.erase(m_items.back().first);
            m_items.pop_back();
        }
    }

private:
    const std::size_t m_capacity;
    std::mutex m_mutex; // protects everything below
    std::list<std::pair<Key, Pointer>> m_items;
    std::unordered_map<Key, typename std::list<std::pair<Key, Pointer>>::iterator, Hash> m_places;
};

} // namespace dormouse
