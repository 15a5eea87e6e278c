def parse_settings(lines)
  section = nil
  lines.map(&:strip).filter_map do |line|
    case line
    when "", /\A#/ then next
    when /\A\[(.+)\]\z/
      section = Regexp.last_match(1)
      next
    else
      name, value = line.split("=", 2).map(&:strip)
      "#{section}.#{name}=#{value}"
    end
  end
end

puts parse_settings($stdin.readlines)
