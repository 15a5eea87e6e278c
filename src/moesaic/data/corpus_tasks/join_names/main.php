<?php

declare(strict_types=1);

function joinNames(array $names): string
{
    $last = array_pop($names);
    return $names === [] ? $last : implode(', ', $names) . " and $last";
}

$names = explode(' ', trim(fgets(STDIN)));
echo joinNames($names), PHP_EOL;
