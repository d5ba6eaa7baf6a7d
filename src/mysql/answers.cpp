#include "mysql/answers.hpp"

#include <utility>

namespace borealis::mysql {

answer::progress one_reply::take(std::string_view packet) {
    outline parts;
    if (parts.next(packet) == outline::part::progress) return progress::more;
    auto told = read_reply(packet);
    if (!told) return progress::nonsense;
    status_ = told->status;
    warns_ = told->warnings != 0;
    if (!told->well) fail(*std::move(told));
    return progress::whole;
}

answer::progress replies::take(std::string_view packet) {
    outline parts;
    if (parts.next(packet) == outline::part::progress) return progress::more;
    auto one = read_reply(packet);
    if (!one) return progress::nonsense;
    if (one->well) status_ = one->status;
    warns_ |= !one->well || one->warnings != 0;
    got.push_back(std::move(*one));
    return --left_ == 0 ? progress::whole : progress::more;
}

answer::progress ending::take(std::string_view packet) {
    if (!ended) {
        outline parts;
        if (parts.next(packet) == outline::part::progress) return progress::more;
        auto told = read_reply(packet);
        if (!told) return progress::nonsense;
        ended = true;
        warns_ = told->warnings != 0;
        if (told->well) {
            status_ = told->status;
        } else {
            fail(*std::move(told));
        }
        return progress::more;
    }
    const auto what = after_.next(packet);
    if (what == outline::part::nonsense) return progress::nonsense;
    if (what == outline::part::row) ++rows_;
    if (!after_.whole()) return progress::more;
    if (!after_.failed()) status_ = after_.status();
    warns_ |= after_.failed() || after_.warnings() != 0;
    return progress::whole;
}

bool row_shape::read() {
    std::vector<definition> fields;
    fields.reserve(packets.size());
    columns.clear();
    for (const auto& one : packets) {
        const auto field = read_definition(one);
        if (!field) return false;
        columns.push_back(describe(fields.emplace_back(*field)));
    }
    reader.start(fields, columns);
    return true;
}

answer::progress preparation::take(std::string_view packet) {
    if (!told_) {
        told_ = true;
        if (auto problem = read_reply(packet); problem && !problem->well) {
            fail(*std::move(problem));
            return progress::whole;
        }
        const auto reply = read_prepared(packet);
        if (!reply) return progress::nonsense;
        made = *reply;
        warns_ = made.warnings != 0;
        if (made.parameters > 0) skipped_ = std::size_t{made.parameters} + 1;
        return made.parameters == 0 && made.columns == 0 ? progress::whole : progress::more;
    }
    if (skipped_ > 0) {
        --skipped_;
        return skipped_ > 0 || made.columns > 0 ? progress::more : progress::whole;
    }
    if (shape.packets.size() < made.columns) {
        shape.packets.emplace_back(packet);
        return progress::more;
    }
    return is_end(packet) && shape.read() ? progress::whole : progress::nonsense;
}

bool execution::define(std::string_view packet) {
    if (!first_) return true;
    if (defined_ == shape_.packets.size()) {
        shape_.packets.emplace_back();
        changed_ = true;
    }
    auto& known = shape_.packets[defined_++];
    if (known == packet) return true;
    known = packet;
    changed_ = true;
    return true;
}

bool execution::announce() {
    if (!first_) return true;
    // Other columns than the last time: the table has been altered, or the statement calls for others each time.
    if (changed_ || (defined_ > 0 && defined_ != shape_.packets.size())) {
        shape_.packets.resize(defined_);
        if (!shape_.read()) return false;
    }
    if (shape_.columns.empty()) return false;
    done.has_rows = true;
    if (mute_) return true;
    told = true;
    // `guarded` asks for nothing more: a write that returns rows runs in a transaction already.
    static_cast<void>(sink_.columns(shape_.columns));
    return true;
}

bool execution::row(std::string_view packet) {
    if (!first_ || mute_) return true;
    if (done.stopped) {
        dropped_ += packet.size();
        return true;
    }
    const auto cells = shape_.reader.packet(packet);
    if (!cells) return false;
    done.stopped = sink_.row(*cells, shape_.reader.wire_bytes()) == sql::flow::stop;
    return true;
}

bool execution::wants_end() const { return !all_ && dropped_ >= worth_reading; }

answer::progress execution::take(std::string_view packet) {
    using part = outline::part;
    bool sound = true;
    switch (parts_.next(packet)) {
        case part::reply: {
            auto told_so = read_reply(packet);
            sound = told_so.has_value();
            if (!sound) break;
            if (!told_so->well) {
                fail(*std::move(told_so));
            } else if (first_) {
                done.affected = static_cast<std::int64_t>(told_so->affected);
                done.last_insert_id = told_so->last_insert_id;
            }
            first_ = false;
            break;
        }
        case part::progress:
        case part::columns:
            break;
        case part::definition:
            sound = define(packet);
            break;
        case part::definitions_end:
            sound = announce();
            break;
        case part::row:
            sound = row(packet);
            break;
        case part::rows_end:
            first_ = false;
            break;
        case part::nonsense:
            sound = false;
            break;
    }
    status_ = parts_.status();
    // The parts of what a procedure does do not tell of warnings.
    warns_ |= parts_.warnings() != 0 || (!first_ && !parts_.whole());
    if (!sound) return progress::nonsense;
    return parts_.whole() ? progress::whole : progress::more;
}

}  // namespace borealis::mysql
