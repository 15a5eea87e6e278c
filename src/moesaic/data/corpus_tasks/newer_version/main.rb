def numbers(version)
  parts = version.split(".").map(&:to_i)
  parts.pop while parts.last&.zero?
  parts
end

def newer_version(first, second)
  case numbers(first) <=> numbers(second)
  when 1 then first
  when -1 then second
  else "equal"
  end
end

first = gets.chomp
second = gets.chomp
puts newer_version(first, second)
