def simplify_path(path)
  stack = path.split("/").each_with_object([]) do |name, names|
    case name
    when "", "." then next
    when ".." then names.pop
    else names.push(name)
    end
  end
  "/#{stack.join('/')}"
end

puts simplify_path(gets.chomp)
