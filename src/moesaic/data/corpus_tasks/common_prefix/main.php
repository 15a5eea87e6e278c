<?php

declare(strict_types=1);

function commonPrefix(array $words): string
{
    $prefix = array_shift($words);
    foreach ($words as $word) {
        while (!str_starts_with($word, $prefix)) {
            $prefix = substr($prefix, 0, -1);
        }
    }
    return $prefix;
}

$prefix = commonPrefix(explode(' ', trim(fgets(STDIN))));
echo $prefix === '' ? 'none' : $prefix, PHP_EOL;
