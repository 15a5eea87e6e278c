def make_slug(heading)
  heading.downcase.scan(/[a-z0-9]+/).join("-")
end

puts make_slug(gets)
