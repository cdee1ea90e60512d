"""Small templates, a corner of the language each. All are rendered with DATA.

Longer than other files because it is a list: hundreds of lines that are read one by one.
"""

DATA = {
    "messages": [
        {"role": "user", "content": " Hello, W\u00f6rld \u4f60\u597d\n"},
        {"role": "assistant", "content": "<b>'quoted' \"text\"</b>"},
    ],
    "s": "The quick brown fox",
    "u": "\u00df \u0130stanbul \ufb01n \u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3 \u01c6 na\u00efve \U0001f600e\u0301",
    "lines": "one\n two\n\n  three\r\nfour\x0bfive\u2028six\n",
    "n": 7, "f": 2.5, "t": True, "z": None, "empty": "", "nothing": [], "none_dict": {},
    "xs": [3, 1, 2], "ys": ["b", "A", "c", "a"], "mixed": [1, "1", 1.0, True, None, [1], {"k": "v"}],
    "d": {"b": 1, "a": {"x": [10, 20, {"y": "deep"}]}, "C": None, "items": "mine", "key with space": "\u00e9"},
    "people": [
        {"name": "Bo", "age": 30, "city": "Bern", "tags": ["x", "y"]},
        {"name": "al", "age": 25, "city": "Z\u00fcrich", "tags": []},
        {"name": "Cy", "age": 30, "city": "bern"},
    ],
    "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}, {"v": 5, "c": []}],
    "big": 9007199254740993, "floats": [0.1, 1e16, 1.5e-7, 123456789.123, -0.0, 1e22, 5e-324, 1e100, 100.0],
}

EXPRESSIONS = r"""
1 + 2 * 3 ** 2
2 ** 3 ** 2
-2 ** 2
7 // 2, -7 // 2, 7 // -2, 7 % 3, -7 % 3, 7 % -3, 7.5 // 2, -7.5 % 2
7 / 2, 6 / 3, 1 / 3
1 / 0
1 // 0
5 % 0
1.0 // 0
0 ** -1
2 ** -1
2 ** 0.5
1e3, 1_000, 0x1F, 0b101, 0o17, 1.5e-3, 00
9223372036854775807
"a" "b" 'c'
'\n\t\\\'\"\x41\u00e9\U0001F600\101\q'
'a\
b'
"é\é"
true and 1, true and 0, 0 or 'x', '' or [] or none, not 1, not ''
not true == false
1 < 2 < 3, 1 < 3 < 2, 1 == 1.0 == true, 3 > 2 >= 2 != 1
1 < 'a'
none < 1
[1, 2] < [1, 3], [1] < [1, 0], (1, 'a') < (1, 'b')
{} < {}
1 in xs, 9 in xs, 9 not in xs, 'a' in d, 'quick' in s, '' in s
1 in s
1 in 5
none in [none], undefined_name in [1]
'x' if true, 'x' if false
'x' if false else 'y' if false else 'z'
('x' if false) is defined
1 if 2 if 3 else 4 else 5
1 ~ 'a' ~ none ~ true ~ 1.0 ~ [1, 'b']
'a' + 'b', [1] + [2], (1,) + (2,)
'a' + 1
[1] + (2,)
'ab' * 3, 3 * 'ab', [1] * 2, 'x' * 0, 'x' * -1, 'x' * true
'a' * 1.5
true + true, true * 3, -true, +true
-'a'
[], (), (1,), {}, [1, [2, (3,)]], {'a': 1, 2: 'b', none: true, 1.5: [1]}
{1: 'a', 1.0: 'b', true: 'c'}
{[1]: 2}
{(1, 2): 3}
{'a': 1, 'a': 2}
floats
0.1 + 0.2, 1e15, 1e16, 1e-4, 1e-5, 123456789012345680.0, 1.0, 5e-324
big + 1, big / 1, big * 1.0
9223372036854775807 + 0
z, t, f, n, xs, d, mixed
s[0], s[-1], s[4:9], s[:3], s[-3:], s[::-1], s[::2], s[10:2:-2], s[100:], s[:-100]
s[100]
s[1.5]
s[true]
u[0], u[1:3], u[-1], u[::-1], u[2:-2]
xs[0], xs[-1], xs[5], xs[1:], xs[::-1], xs[:2], xs[::2], xs[-2:]
xs['a']
xs[0:1:0]
xs['a':]
n[0]
z[0]
d['a'], d.a, d['missing'], d.missing, d['items'], d['key with space'], d.C
d.a.x[2].y, d['a']['x'][-1]['y'], d.a.x.2.y, d.a.x.0
d.missing.deeper
d['missing']['deeper']
missing.x
missing['x']
missing, missing is defined, missing is undefined, missing == missing2, missing == none, missing ~ 'x'
missing + 1
missing()
missing < 1
-missing
missing | length, missing | list, missing | upper, missing | default('x'), missing | join
missing | int
missing | tojson
missing in [missing]
'x' in missing
d.__class__, s.__len__, xs.append, d.update, xs.pop
d.update({})
xs.append(1)
d.__class__.__name__
''.__class__.__mro__
(1).real, (1).imag, 1.5.real, n.bit_length()
s.nosuch
s.nosuch()
range(3), range(1, 7, 2)|list, range(5, 0, -2)|list, range(0)|list, range(3)|length, range(10)[2:5], range(10)[-1]
range(100000)|length
range(100001)
range(1, 2, 0)
range('a')
range(1.5)
range(3) == range(0, 3), 2 in range(3), 5 in range(3)
dict(a=1, b='x'), dict({'a': 1}, b=2), dict([('x', 1)]), dict()
dict(1)
namespace(a=1), namespace(a=1).a, namespace(a=1)['a'], namespace().x
namespace(_a=1)
namespace({'a': 2}).a, namespace([('a', 1)]).a
cycler('a', 'b').next()
cycler()
raise_exception('no')
strftime_now('%Y-%m-%d %H:%M:%S %d %b %B %A %j %%')
strftime_now('%-d %f|%z|%Z|')
s.upper(), s.lower(), s.title(), s.capitalize(), s.swapcase(), u.upper(), u.lower(), u.title(), u.capitalize(), u.swapcase()
"they're bill's 3rd".title(), 'ǆa'.capitalize(), 'ΑΣ'.lower(), 'ΑΣ.'.lower(), 'Σ'.lower(), "ΑΣ'Α".lower()
'  x '.strip(), '  x '.lstrip(), '  x '.rstrip(), 'xxaxx'.strip('x'), 'abcba'.strip('ab'), 'éaé'.strip('é'), ' \u3000x\u00a0'.strip()
'a'.strip(none), 'a'.strip(1)
'a,b,,c'.split(','), 'a,b,,c'.split(',', 1), 'a,b,,c'.rsplit(',', 1), ' a  b c '.split(), ' a  b c '.split(none, 1), ' a  b c '.rsplit(none, 1), ''.split(), ''.split(',')
'a,b'.split(sep=','), 'a b c'.split(maxsplit=1), 'a<>b<>c'.split('<>'), 'aXbXc'.rsplit('X', maxsplit=1)
'a'.split('')
'a b'.split(1)
lines.splitlines(), lines.splitlines(true), ''.splitlines(), 'a\r\n\rb'.splitlines()
s.startswith('The'), s.startswith(('x', 'The')), s.endswith('fox'), s.endswith(('a', 'b')), s.startswith('quick', 4), s.endswith('The', 0, 3), s.startswith(''), s.startswith('', 100)
s.startswith(['The'])
s.startswith(1)
s.replace('quick', 'slow'), s.replace('o', '0', 1), s.replace('', '-'), 'aaa'.replace('a', 'b', 2), u.replace('\u00df', 'ss'), ''.replace('', 'x'), 'ab'.replace('', '-', 2)
s.replace('a')
s.find('o'), s.find('o', 13), s.find('zz'), s.rfind('o'), s.index('q'), s.count('o'), s.count(''), u.find('n'), s.find('', 100), s.find('o', -3, -1), u.count('\u03a3')
s.index('zz')
'-'.join(['a', 'b']), ','.join('abc'), ''.join([])
'-'.join([1])
'{} {1}'.format(1)
'{} {}'.format('a', 2), '{1}{0}'.format('a', 'b'), '{x}'.format(x=1), '{0[a]} {0[b]}'.format({'a': 1, 'b': 2}), '{0.a}'.format({'a': 3}), '{{}}'.format(), '{!r}'.format('x'), '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd')
'{:05d} {:+d} {:x} {:#x} {:,} {:_} {:b} {:o} {:X} {:e} {:.2f} {:10.3f}| {:g} {:%} {:.3g} {: d}'.format(42, 42, 255, 255, 1234567, 1234567, 5, 8, 255, 1234.5, 3.14159, 2.5, 0.0001, 0.25, 1234567.0, 5)
'{:.3}'.format('abcdef'), '{:{}}|'.format('a', 5), '{:{w}.{p}f}'.format(3.14159, w=8, p=2)
'{}'.format()
'{'.format()
'}'.format()
'{:d}'.format('a')
'{:.3} {:.3} {:.1} {:.10}'.format(1234.5, 0.00001234, 5.0, 1e10)
'%s %d %r %5.2f|%-5s|%05d|%x %X %o %e %g %%' % ('a', 3, 'b', 2.555, 'c', 42, 255, 255, 8, 1234.5, 0.0001)
'%(a)s %(b)d' % {'a': 'x', 'b': 2}
'%s' % 'only', '%s' % [1], '%s' % {'a': 1}, '%s' % none, '%+d % d' % (1, 2), '%c%c' % ('x', 65), '%5s' % 'é', '%.2s' % 'abc', '%*d' % (5, 3)
'%s %s' % 'a'
'%s' % (1, 2)
'%d' % 'a'
'%y' % 1
'%' % 1
'%d' % 3.99
'abc'.zfill(5), '-1'.zfill(4), 'a'.ljust(3, '*'), 'a'.rjust(3), 'ab'.center(5, '-'), 'a'.center(4, '-'), 'é'.center(3)
'a'.center(3, 'ab')
'1'.isdigit(), '²'.isdigit(), 'a1'.isalnum(), 'é'.isalpha(), ' '.isspace(), 'A1'.isupper(), 'aé'.islower(), 'Ab Cd'.istitle(), ''.isdigit(), '½'.isnumeric(), '½'.isdigit(), '٣'.isdecimal(), 'ª'.islower(), 'Ⅷ'.isupper(), ''.isascii(), 'é'.isprintable()
'abc'.removeprefix('a'), 'abc'.removesuffix('c'), 'abc'.removeprefix('x'), 'abab'.removesuffix('ab')
'a=b=c'.partition('='), 'a=b=c'.rpartition('='), 'abc'.partition('='), 'abc'.rpartition('='), 'a\tb'.expandtabs(4)
d.keys(), d.values(), dict(a=1).items(), d.get('b'), d.get('q'), d.get('q', 5), none_dict.keys()
d.keys()|list, d.values()|length, dict(a=1, b=2).items()|list, 'a' in d.keys(), ('b', 1) in d.items() if false else 1
d.keys()[0]
[1, 2, 1].index(2), [1, 2, 1].count(1), (1, 2).index(1), [1].copy(), {'a': 1}.copy()
[1].index(5)
s | upper | lower | title, s | capitalize, 'hello wORLD-foo (bar) [x] {y} <z>' | title, u | title, u | upper, 5 | upper, none | upper
'  a ' | trim, 'xax' | trim('x'), 5 | trim, ' é\u3000' | trim
s | replace('o', '0'), s | replace('o', '0', 1), 5 | replace(5, 6), s | replace('', '.')
s | length, xs | count, d | length, u | length
5 | length
xs | map('string') | list, ys | map('upper') | join(','), people | map(attribute='name') | list, people | map(attribute='tags.0') | list, people | map(attribute='tags', default='-') | list, people | map(attribute='zip', default=0) | list
xs | map('nosuch') | list
xs | map | list
people | map(attribute='name', x=1) | list
xs | map('replace', '1', 'one') | join, xs | map('default', 5) | sum
[] | map('nosuch') | list
xs | select('odd') | list, xs | reject('odd') | list, mixed | select | list, mixed | reject | list, xs | select('gt', 1) | list, ys | select('in', ['a', 'b']) | list, xs | select('>', 1) | list
people | selectattr('age', 'equalto', 30) | map(attribute='name') | list, people | rejectattr('tags') | list, people | selectattr('tags', 'defined') | list | length, people | selectattr('name', 'eq', 'al') | first
people | selectattr('zip') | list, people | selectattr | list
xs | select('nosuch') | list
(xs | select('odd')) is iterable, (xs | select('odd')) is sequence, true if xs | select('gt', 100) else false
xs | select('odd') | length
xs | first, xs | last, s | first, s | last, [] | first, [] | last, d | first, d | last, '' | first
5 | first
xs | map('abs') | last
xs | map('abs') | first
xs | join, xs | join('-'), people | join(', ', attribute='name'), s | join('.'), [1, none, 'a', missing] | join('|'), d | join(','), {} | join
5 | join
xs | sort, ys | sort, ys | sort(case_sensitive=true), xs | sort(reverse=true), xs | sort(true), people | sort(attribute='age') | map(attribute='name') | list, people | sort(attribute='age,name') | map(attribute='name') | list, people | sort(attribute='name', reverse=true) | map(attribute='name') | list
mixed | sort
[] | sort, d | sort, 'hello' | sort
people | sort(attribute='zip')
xs | reverse | list, s | reverse, u | reverse, d | reverse | list if false else 1
xs | unique | list, ys | unique | list, ys | unique(true) | list, people | unique(attribute='age') | map(attribute='name') | list, [1, 1.0, true] | unique | list
mixed | unique | list
xs | min, xs | max, ys | min, ys | max, ys | min(true), people | max(attribute='age'), [] | min, '' | max
mixed | max
xs | sum, people | sum(attribute='age'), [] | sum, [[1], [2]] | sum(start=[]), [1.5, 2] | sum, xs | sum(start=10)
ys | sum
xs | batch(2) | list, xs | batch(2, 'x') | list, range(7) | batch(3) | map('list') | list, [] | batch(3) | list
range(7) | slice(3) | list, range(7) | slice(3, 'x') | list, [] | slice(2) | list
xs | slice(0) | list
d | dictsort if false else {'b': 1, 'A': 3, 'c': 2} | dictsort, {'b': 1, 'A': 3} | dictsort(true), {'b': 1, 'A': 3} | dictsort(by='value'), {'b': 1, 'A': 3} | dictsort(false, 'key', true)
{'b': 1} | dictsort(by='x')
{'b': 1, 2: 3} | dictsort
people | groupby('age'), people | groupby('city') | map('first') | list, people | groupby('city', case_sensitive=true) | map(attribute='grouper') | list, people | groupby('tags', default=[]) | length if false else 1
people | groupby('zip', default='none') | list
d | items | list if false else {'a': 1} | items | list, missing | items | list
xs | items | list
xs | list, s | list, 'é😀' | list, {'a': 1} | list, 5 | string, none | string, 1.0 | string, missing | string
5 | list
n | default('x'), none | default('x'), none | default('x', true), '' | d('x', true), missing | d, d.missing | default('x'), 0 | default(5, boolean=true)
d.missing.x | default('x')
'42' | int, '4.7' | int, 'x' | int, 'x' | int(5), '0x1f' | int(base=16), '1f' | int(0, 16), 3.9 | int, -3.9 | int, none | int, true | int, ' 7 ' | int, '1_000' | int, [] | int(3), '' | int, '1e3' | int, 'inf' | int, '0b11' | int(base=0), '٣' | int
'4.5' | float, 'x' | float, 'x' | float(1.5), 3 | float, 'inf' | float, 'nan' | float, '1e5' | float, ' 2 ' | float, '1_0.5' | float, none | float, '-.5' | float, '5.' | float, '1e400' | float, '.' | float
-3 | abs, (-3) | abs, 2.5 | abs, (-2.5) | abs, true | abs
'a' | abs
2.5 | round, 3.5 | round, 2.675 | round(2), 1234.5 | round(-2), 7 | round, 2.4 | round(method='ceil'), 2.6 | round(0, 'floor'), 2.345 | round(2, 'ceil'), 15 | round(-1), 25 | round(-1), -2.5 | round, 1e300 | round(2), 0.5 | round, 1.005 | round(2)
2.5 | round(method='up')
'a' | round
'<b>&"\'' | e, '<b>' | escape | escape, 5 | e, '<' | safe, ('<' | safe) + '<', '<' + ('<' | e), ('<' | e) ~ '<', '<' | e | forceescape, ('<'|safe) * 2 + '>'
'%s-%s' | format(1, 'b'), '%(x)s' | format(x=1), '%.1f' | format(2.25), '%5d|%-5d|' | format(1, 2)
'%s' | format
lines | indent, lines | indent(2, true), lines | indent('> '), lines | indent(2, blank=true), 'a' | indent, '' | indent, 'a\n' | indent(2), lines | indent(width=1, first=true, blank=true), '' | indent(3, true)
5 | indent
'hello world foo' | truncate(8), 'hello world foo' | truncate(8, true), 'hello world' | truncate(5, false, '', 0), 'hello' | truncate(3, leeway=2), 'hello world foo bar' | truncate(12, end='!', leeway=0), 'ab' | truncate(255), 'helloworldlong' | truncate(5, leeway=0)
'hello' | truncate(1)
'hello-world foo_bar, it\'s 3' | wordcount, '' | wordcount, 'é 你好 a' | wordcount
'a b/c?é&=~' | urlencode, {'a b': 'c/d', 'é': 1} | urlencode, [('a', 1), ('b', '&')] | urlencode
'ab' | center(6), 'ab' | center | length
s | attr('upper') is callable, d | attr('b') is defined, d | attr('b')
1 | filesizeformat, 13000 | filesizeformat, 4000000000 | filesizeformat, 1024 | filesizeformat(true), 999 | filesizeformat, '500' | filesizeformat
d | tojson, xs | tojson, s | tojson, u | tojson, none | tojson, true | tojson, 1.0 | tojson, floats | tojson, '' | tojson, [] | tojson, {} | tojson, (1, 2) | tojson, 'a"\\\n\t\u0001\x7f/<>&\u2028' | tojson
d | tojson(indent=2), xs | tojson(indent=4), {} | tojson(indent=2), [[], {}] | tojson(indent=1), people | tojson(indent=2, ensure_ascii=false), xs | tojson(indent=0)
u | tojson(ensure_ascii=true), u | tojson(true), xs | tojson(separators=(',', ':')), d | tojson(separators=(', ', ' = ')), {'b': 1, 'a': 2} | tojson(sort_keys=true), xs | tojson(indent='--'), {'a': [1]} | tojson(indent=2, separators=(';', '=')), [1] | tojson(false, 1)
{1: 2, none: 3, true: 4, 1.5: 5} | tojson
{(1, 2): 3} | tojson
xs | map('abs') | tojson
namespace(a=1) | tojson
d.items() | tojson
xs | tojson(separators=1)
1 is odd, 2 is even, 9 is divisibleby(3), 9 is divisibleby 3, 5 is odd and 4 is odd
'a' is odd
1.5 is odd, 3.0 is odd, true is odd
n is number, f is number, t is number, s is number, n is integer, t is integer, f is float, t is boolean, z is none, none is none, s is string, d is mapping, xs is mapping
s is sequence, xs is sequence, d is sequence, n is sequence, (1,) is sequence, range(2) is sequence, d.keys() is sequence, namespace() is sequence
s is iterable, xs is iterable, d is iterable, n is iterable, none is iterable, namespace() is iterable, missing is iterable, d.items() is iterable
true is true, 1 is true, false is false, 0 is false, 'a' is lower, 'A' is upper, 'a' is upper, 5 is lower, '' is lower
1 is sameas 1, true is sameas 1, none is sameas none, d is sameas d, [] is sameas []
1 is eq 1, 1 is == 1
1 is equalto 1, 1 is ne 2, 1 is lt 2, 2 is gt 1, 2 is ge 2, 2 is le 1, 1 is in [1, 2], 'a' is in 'abc', 1 is lessthan 2, 1 is greaterthan 2
1 is not odd, 1 is not none, not 1 is odd, not (1 is odd), 1 is odd == false
upper is callable, range is callable, s.upper is callable, missing is callable, n is callable, namespace is callable, d is callable
'upper' is filter, 'nosuch' is filter, 'odd' is test, 'nosuch' is test, '<'|e is escaped, '<' is escaped
1 is nosuch
1 | nosuch
1 if true else 2 | nosuch
2 | nosuch if false else 1
1 is odd is odd
1 is divisibleby
s | upper(1)
s | replace
s | default(1, 2, 3)
s | default(nosuch=1)
s.upper(1)
s.split(nosuch=1)
xs | join(d='-'), xs | join(attribute=none, d='+')
[x for x in xs]
lambda x: x
1 ? 2 : 3
a.b.c = 1
1 +
(1
[1, 2
{'a' 1}
{'a': }
'unclosed
"a' 
1 2
.a
a..b
a.
a[
a[]
a[1,2]
d[1, 2]
1.a
xs.0, xs.1
foo bar
@
a ! b
1 === 1
1 <> 2
1 && 2
&
$x
(1, 2)[0], [1, 2][-1], {'a': 1}.a, {'a': 1}['a'], 'abc'[1], "x".upper(), [1]|first, -[1][0], -1|abs, (-1)|abs
s.upper().lower().title()[0:3]|upper ~ 'x'|lower
1 + 2|string|length
'a' ~ 'b' * 2 ~ 1 + 2
1 ~ 2 + 3
2 * 3 ~ 4
not xs, not nothing, not none_dict, not 0.0, not empty
xs and ys and 'end', nothing or none_dict or 'x'
f(1)
n(1)
'a'(1)
[] == (), [1] == [1.0], {'a': 1} == {'a': true}, 'a' == 'a', none == false, 1 == '1', xs == [3, 1, 2]
*xs
dict(**d).b, dict(**{'x': 1}, y=2) if false else dict(y=2, **{'x': 1}), range(*[1, 4])|list
dict(y=2, **{'y': 1})
range(**{'stop': 1})
dict(a=1, a=2)
range(1, *[2], 3)
range(-1), range(5, 0), range(0, 5, 3), range(10)[5:2], range(5)[::-1], range(0, 5, 3)[5:], range(5, 0).stop
range(0, 5, 3) == range(0, 4, 3), range(5, 0) == range(0), range(9223372036854775806, 9223372036854775807)
dict.fromkeys('ab'), dict.fromkeys(xs, 0), dict.fromkeys(missing), dict.nosuch, range.name, s.upper.name
dict(missing)
dict(missing, a=1)
namespace(missing)
xs | sort(reverse=5), xs | sort(reverse=false), {'a': 1} | dictsort(reverse=true)
xs | sort(reverse=none)
xs | sort('yes')
xs | sort(reverse=missing)
{} | dictsort(reverse=none)
'{[a]}'.format(d)
'{.a}'.format(d)
'{0[b]}{}{0.b}{}'.format(d, n)
'{0}{}'.format(d, n)
'{a} {b[0]}'.format_map({'a': 1, 'b': xs})
'{}'.format_map({})
'{x}'.format_map(missing)
'% %' | format
'%5%' % 1
'%(a)%' % {'a': 1}
d[], s[], xs[], d[] is defined
missing[]
n.conjugate(), f.conjugate(), t.conjugate()
(-0.0) | round(1, 'floor'), (-0.4) | round(method='ceil'), 0.04 | round(1, 'floor')
lines.splitlines(missing)
lines.splitlines(none)
d[d.keys()], d[d], d[xs]
""".strip("\n")

TEMPLATES = r"""
{% for x in xs %}{{ x }}{% endfor %}
{% for x in xs %}{{ loop.index }}/{{ loop.length }} {{ loop.first }} {{ loop.last }} {{ loop.index0 }} {{ loop.revindex }} {{ loop.revindex0 }} {{ loop.previtem }} {{ loop.nextitem }} {{ loop.cycle('a', 'b') }} {{ loop.depth }} {{ loop.depth0 }} {{ loop.changed(x > 1) }}|{% endfor %}
{% for x in xs %}{{ loop }}{% endfor %}
{% for x in [] %}a{% else %}none{% endfor %}
{% for x in missing %}a{% else %}none{% endfor %}
{% for x in xs %}{% continue %}{% else %}else{% endfor %}
{% for x in xs %}{% break %}{% else %}else{% endfor %}
{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% else %}else{% endfor %}
{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}else{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for k in d %}{{ k }},{% endfor %}
{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}
{% for k, v in people[0].items() if v is string %}{{ loop.index }}{{ k }}={{ v }} {{ loop.last }},{% endfor %}
{% for k, v in d.items() %}{{ k }}{% endfor %}
{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% for a, b in [(1,)] %}{% endfor %}
{% for a, b in ['xy', 'zw'] %}{{ a }}-{{ b }} {% endfor %}
{% for a, in [(1,)] %}{{ a }}{% endfor %}
{% for x in xs if x > 1 %}{{ x }}{{ loop.length }}{% else %}no{% endfor %}
{% for x in xs if x > 10 %}{{ x }}{% else %}no{% endfor %}
{% for x in xs if loop.index > 1 %}{{ x }}{% endfor %}
{% for x in xs|sort|reverse %}{{ x }}{{ loop.last }}{% endfor %}
{% for x in xs %}{% for y in ys %}{{ loop.index }}{{ y }}{% endfor %}{{ loop.index }}{% endfor %}
{% for x in xs %}{% set outer = loop %}{% for y in ys %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
{% for x in 'héy' %}[{{ x }}]{% endfor %}
{% for x in 1, 2, 3 %}{{ x }}{% endfor %}
{% for x in range(3) recursive %}{{ x }}{% endfor %}
{% for t in tree recursive %}{{ t.v }}:{{ loop.depth }}({{ loop(t.c) }}){% endfor %}
{% for t in tree recursive %}{{ t.v }}{% if t.c %}[{{ loop(t.c) }}]{% endif %}{% else %}leaf{% endfor %}
{% for t in tree if t.v > 1 recursive %}{{ t.v }}{{ loop(t.c) }}{% endfor %}
{% for x in xs %}{{ loop(xs) }}{% endfor %}
{% for loop in xs %}{% endfor %}
{% for x in xs %}{% set loop = 1 %}{% endfor %}
{% for x in xs %}{{ loop.nosuch }}{% endfor %}
{% for x in xs %}{{ loop.nosuch.x }}{% endfor %}
{{ loop }}{{ loop is defined }}
{% set x = 1 %}{% for y in xs %}{{ x }}{% set x = y %}{{ x }}{% endfor %}{{ x }}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% if false %}{% set x = 2 %}{% endif %}{{ x }}|{{ x is defined }}
{% if false %}{% set n = 2 %}{% endif %}{{ n }}
{% if false %}{% set q = 1 %}{% elif true %}{% set q = 2 %}{% else %}{% set q = 3 %}{% endif %}{{ q }}
{% for y in xs %}{% if y == 1 %}{% set n = 9 %}{% endif %}{{ n }}{% endfor %}{{ n }}
{% for y in xs %}{{ q }}{% set q = y %}{% endfor %}{{ q }}
{{ q }}{% set q = 1 %}{{ q }}
{% set n = n + 1 %}{{ n }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set a, b = b, a %}{{ a }}{{ b }}
{% set (a, b) = [3, 4] %}{{ a }}{{ b }}
{% set a, b = 1 %}
{% set a, b = [1, 2, 3] %}
{% set x = 1, 2 %}{{ x }}
{% set x = 1, %}{{ x }}
{% set x %}a{{ n }}b{% endset %}{{ x }}{{ x|length }}
{% set x | upper %}abc{{ s }}{% endset %}{{ x }}
{% set x | upper | replace('A', 'z') %}abc{% endset %}{{ x }}
{% set x | default(n) %}{% endset %}{{ x }}
{{ n }}{% set x | default(n) %}abc{% endset %}{{ x }}
{% set x %}{% set y = 1 %}{{ y }}{% endset %}{{ x }}{{ y }}
{% set ns = namespace(x=0) %}{% for y in xs %}{% set ns.x = ns.x + y %}{% endfor %}{{ ns.x }}
{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}{{ ns }}
{% set ns = namespace() %}{% set ns.x %}block{% endset %}{{ ns.x }}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set d.x = 1 %}
{% set missing.x = 1 %}
{% set ns = namespace(items=3) %}{{ ns.items }}
{% set true = 1 %}
{% set x.y.z = 1 %}
{% set x[0] = 1 %}
{% set 1 = 1 %}
{% set x = %}
{% set x 1 %}
{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=5, a=4) }} {{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}{{ m() }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}
{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}
{% macro m(a=1, b) %}{% endmacro %}
{% macro m(a, a) %}{% endmacro %}{{ m(1, 2) }}
{% macro m() %}{{ n }}{{ q }}{% endmacro %}{% set q = 5 %}{{ m() }}{% set q = 6 %}{{ m() }}
{% macro m() %}{{ s }}{% endmacro %}{{ m() }}{% set s = 6 %}{{ m() }}
{% macro m() %}{% set n = 99 %}{{ n }}{% endmacro %}{{ m() }}{{ n }}
{% for x in xs %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}
{% set ns = namespace() %}{% macro mk(a) %}{% macro in() %}{{ a }}{% endmacro %}{% set ns.f = in %}{% endmacro %}{{ mk(1) }}{{ ns.f() }}{{ mk(2) }}{{ ns.f() }}
{% macro fact(n) %}{% if n > 1 %}{{ n }}*{{ fact(n - 1) }}{% else %}1{% endif %}{% endmacro %}{{ fact(5) }}
{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}in{{ n }}{% endcall %}
{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}{{ b }}{% endcall %}
{% macro m() %}{{ caller(1) }}{% endmacro %}{% call(a, b=5) m() %}{{ a }}{{ b }}{% endcall %}
{% macro m(x) %}<{{ caller() }}{{ x }}>{% endmacro %}{% call m(1) %}a{% call m(2) %}b{% endcall %}{% endcall %}
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
{% macro m() %}x{% endmacro %}{% call m() %}in{% endcall %}
{% macro m(caller) %}{{ caller }}{% endmacro %}{{ m(1) }}
{% macro m(caller=none) %}{{ caller }}{% if caller %}{{ caller() }}{% endif %}{% endmacro %}{{ m() }}{% call m() %}x{% endcall %}
{% macro m(a) %}{{ caller is defined }}{{ a }}{% endmacro %}{{ m(2) }}{% call m(1) %}x{% endcall %}
{% call n %}{% endcall %}
{{ m }}{% macro m() %}a{% endmacro %}{{ m() }}{{ m is callable }}{{ m.name }}
{{ m() }}{% macro m() %}a{% endmacro %}
{% macro m(a, b) %}{{ a|default('A') }}{{ b is defined }}{% endmacro %}{{ m() }}
{% filter upper %}abc {{ s }}{% endfilter %}
{% filter upper | replace('A', 'x') %}abc{% endfilter %}
{% filter nosuch %}abc{% endfilter %}
{% filter indent(2) %}a{{ "\n" }}b{% endfilter %}
{% with a=1, b=2 %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with a=n, b=a %}{{ a }}{{ b }}{% endwith %}
{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}
{% with n=1 %}{{ n }}{% set n = 2 %}{{ n }}{% endwith %}{{ n }}
{% with (a, b) = (1, 2) %}{{ a }}{{ b }}{% endwith %}
{% with a %}{% endwith %}
{% raw %}{{ x }} {% if %}{% endraw %}{{ n }}
{% raw -%}  a  {%- endraw %}|
{%- raw %} a {% endraw -%} |
{# comment {{ x }} #}a{#- b -#} c
a {#- comment -#} b
{% if n > 5 %}big{% elif n > 3 %}mid{% else %}small{% endif %}
{% if missing %}a{% endif %}b{% if not missing %}c{% endif %}
{% if xs %}{% if nothing %}a{% else %}b{% endif %}{% endif %}
{% if 1, %}tuple{% endif %}
{% if %}{% endif %}
{% if 1 %}
{% for x in xs %}
{% endif %}
{% else %}
{% if 1 %}{% endfor %}
{% for %}{% endfor %}
{% for x %}{% endfor %}
{% nosuch %}
{% print 1, 'a' %}
{% print %}
{% if 1: %}a{% endif %}
{% break %}
{% continue %}
{% for x in xs %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% for x in xs %}{% set y %}{% break %}{% endset %}{% endfor %}after
{% for x in xs %}a{% filter upper %}b{% continue %}{% endfilter %}{% endfor %}after
{% for x in xs %}{% with q=x %}{% if q == 1 %}{% break %}{% endif %}{{ q }}{% endwith %}{% endfor %}
{% include 'x' %}
{% import 'x' as y %}
{% extends 'x' %}
{% from 'x' import y %}
{{ x
{% if 1
{# open
{% raw %}open
{{ }}
{{ 1 }} {{ 2 }}
{{1}}{{-1}}{{+1}}{{ -1 }}
a {{- 1 -}} b {{+ 1 }} c
a
{% if 1 %}
b
{% endif %}
c
|line|   {% if 1 %}   |line|  b  |line|   {% endif %}   |line|c
|line|   {{ n }}   |line|b
|line|   {%+ if 1 %}|line|b{% endif %}|line|c
|line|{% if 1 +%}|line|b|line|{%- endif -%}|line|  c
|line|  {# c #}|line|  d
|line|  {#- c -#}|line|  d
|line|  x {% if 1 %} |line| y{% endif %}
{% set x = 1 %}|line||line|a|line|
a|line|
a|line||line|
|line|a
a {%- if 1 -%} |line| b |line| {%- endif -%} |line| c
{% for x in xs -%}|line|  {{ x }}|line|{%- endfor %}|line|
{%- for x in xs %}|line|    - {{ x }}|line|{%- endfor %}
	{% if 1 %}	a{% endif %}
  {% raw %}|line|a{% endraw %}|line|b
{% generation %}a{% endgeneration %}
x{% for m in messages %}{{ m.role }}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}y
{% for x in xs %}{% generation %}{% set q = x %}{{ q }}{{ x }}{{ loop.index }}{% endgeneration %}{{ q }}{% endfor %}
{% set q = 1 %}{% generation %}{{ q }}{% set q = 2 %}{{ q }}{% endgeneration %}{{ q }}
{% for x in xs %}{% generation %}{% break %}{% endgeneration %}{% endfor %}
{%- generation -%} a {%- endgeneration -%} b
é{% generation %}你好{% endgeneration %}é{% generation %}{% endgeneration %}{% generation %}x{% endgeneration %}
{% generation %}
{% set c = cycler('a', 'b', 'c') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.next() }}
{% set j = joiner() %}{{ j() }}a{{ j() }}b{% set k = joiner('|') %}{{ k() }}{{ k() }}
{% set g = xs|map('string') %}{{ g|join }}{{ g|join }}
{% set g = xs|select('gt', 1) %}{% for x in g %}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}{{ g|list }}
{% set g = xs|select('gt', 1) %}{{ 3 in g }}{{ g|list }}
{% set ns = namespace(k=2) %}{% for x in [1, 2, 3, 4] if x != ns.k %}{{ x }}{% set ns.k = 3 %}{% endfor %}
{% set ns = namespace(k=2) %}{% for x in [1, 2, 3, 4] if x != ns.k %}{{ x }}{{ loop.last }}{% set ns.k = 4 %}{% endfor %}
{% for x in xs|map('nosuch') %}{% endfor %}
{% set x = xs|map('nosuch') %}ok
{% for x in messages[0].content.split(' ') %}[{{ x }}]{% endfor %}
{% for g in people|groupby('age') %}{{ g.grouper }}:{% for p in g.list %}{{ p.name }}{% endfor %} {{ g[0] }}{% endfor %}
{% for a, b in people|groupby('city') %}{{ a }}{{ b|length }}{% endfor %}
{% if true %}{{ 1|nosuch if false else 2 }}{% endif %}
{% if false %}{{ 1|nosuch }}{% endif %}ok
{% if false %}{{ 1 is nosuch }}{% endif %}ok
{% if true %}{{ 1|nosuch }}{% endif %}
{% for x in [] %}{{ x|nosuch }}{% endfor %}
{% if false %}{% for x in [] %}{{ x|nosuch }}{% endfor %}{% endif %}
{% if false %}{% macro m() %}{{ 1|nosuch }}{% endmacro %}{% endif %}
{% if n is defined and n is not none and n > 5 %}y{% endif %}
{% if s is string and s is not mapping %}y{% endif %}
{%if n%}a{%endif%}
{{n}}{{ n}}{{n }}{{	n	}}
{{'a'}}{{"}}"}}{{ '%}' }}{% set x = '%}' %}{{ x }}
{{ {'a': {'b': 1}}['a']['b'] }}{{ {'a': 1}}}
{{ '{{' }}{{ '{%' }} }} %} #}
{ { x } } {a} }{
{{ 'a' }}{{ '\n' }}b
{% set x = 'a' -%}   b
{%- set x = 'a' %}   b
{% set x = {'a': 1, 'b': [1, 2]} %}{{ x.b[1] }}
{% set role = messages[0]['role'] %}{{ role }}
{{ messages[-1]['content'] }}{{ messages[0].content|trim }}{{ messages|length }}{{ messages[5] }}
{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] | trim + '</s>' }}{% endfor %}
{% for m in messages %}{{ '<|' ~ m.role ~ '|>\n' ~ m.content ~ '\n' if not loop.last else m.content }}{% endfor %}
{% for m in messages[1:] %}{{ m.role }}{% endfor %}{% for m in messages[::-1] %}{{ m.role }}{% endfor %}
{% if messages[0]['role'] == 'system' %}{% set x = messages[0] %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}{{ rest|length }}{{ x }}
{% if (messages[0].role == 'user') != (0 % 2 == 0) %}{{ raise_exception('x') }}{% endif %}ok
{% set x = messages | selectattr('role', 'equalto', 'user') | list %}{{ x|length }}{{ x[0].content }}
{% set x = messages | map(attribute='role') | join(',') %}{{ x }}
{% set content = messages[1].content %}{% if '</b>' in content %}{{ content.split('</b>')[0].rstrip('\n').split('<b>')[-1].lstrip('\n') }}{% endif %}
{% set ns = namespace(found=false, i=-1) %}{% for m in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{% if m.role == 'user' and not ns.found %}{% set ns.found = true %}{% set ns.i = index %}{% endif %}{% endfor %}{{ ns.i }}
{%- macro render(x, depth=0) -%}{%- if x is mapping -%}{%- for k, v in x.items() -%}{{ '  ' * depth ~ k ~ ':' }}{{ render(v, depth + 1) }}{%- endfor -%}{%- elif x is iterable and x is not string -%}{%- for v in x -%}{{ render(v, depth + 1) }}{%- endfor -%}{%- else -%}{{ x }},{%- endif -%}{%- endmacro -%}{{ render(people) }}
{%- macro type(spec) %}{%- if spec.type == 'array' %}{{ type(spec['items']) ~ '[]' }}{%- else %}{{ spec.type }}{%- endif %}{%- endmacro %}{{ type({'type': 'array', 'items': {'type': 'array', 'items': {'type': 'string'}}}) }}
{% set today = strftime_now('%d %B %Y') %}{{ today }}{% if strftime_now is defined %}y{% endif %}
{% set x = namespace() if false else none %}{{ x }}
{% for k, v in people[0]|items %}{{ k }}{% endfor %}{% for k, v in people[0]|dictsort %}{{ k }}{{ v }}{% endfor %}
{% set a %}{% set b %}x{% endset %}{{ b }}{{ b }}{% endset %}{{ a }}
{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}b{% endmacro %}{{ a() }}
{% macro a() %}{{ a is defined }}{% endmacro %}{{ a() }}
{% set f = raise_exception %}{{ f('x') }}
{% set r = range %}{{ r(3)|list }}
{% set u2 = s.upper %}{{ u2() }}
{% macro m(x) %}{{ x.y }}{% endmacro %}{{ m({'y': 1}) }}{{ m({}) }}{{ m(none) }}
{{ [1, 2]|map('string')|map('upper')|join }}
{% for i in range(3) %}{% for j in range(3) %}{% if j == i %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}
{% for i in range(5) %}{% if loop.first or loop.last %}{{ i }}{% elif loop.nextitem is defined and loop.nextitem == 3 %}n{% endif %}{% endfor %}
{% for m in messages if m.role != 'system' %}{{ loop.index }}{{ loop.last }}{% endfor %}
{% for x in xs %}{{ loop.changed(x) }}{{ loop.changed(1) }}{% endfor %}
{% for x in xs %}{{ loop.cycle() }}{% endfor %}
{% set x = true %}{{ x is true }}{{ True }}{{ False }}{{ None }}{{ true }}{{ none }}
{% set Trüe = 1 %}{{ Trüe }}{% set 变量 = 2 %}{{ 变量 }}
{{ '%s' % messages[0].role }}{{ '%d%%' % 5 }}
{% if messages and messages[0] and messages[0].role %}y{% endif %}
{% set t = tools if tools is defined and tools else none %}{{ t is none }}
{% if not tools is defined %}{% set tools = none %}{% endif %}{{ tools }}
{% if not date_string is defined %}{% set date_string = "26 Jul 2024" %}{% endif %}{{ date_string }}
{% for x in xs %}{{ x }}{{ ", " if not loop.last }}{% endfor %}
{% for x in xs %}{{ x }}{{ "," if not loop.last else "" }}{% endfor %}
{% filter length %}abc{% endfilter %}
{% set x %}{% filter list %}abc{% endfilter %}{% endset %}
{% filter first %}{% endfilter %}
{% filter first %}abc{% endfilter %}{% filter e %}<{% endfilter %}
{% call dict() %}a{% endcall %}
{% call namespace() %}a{% endcall %}
{#
a{#-
{# a
{% raw %}
a{% raw -%}|line|
{% raw %} a
""".strip("\n")


def cases():
    """(template, data) of everything above. |line| stands for a line's end: a line is a template."""
    for line in EXPRESSIONS.replace("\\\n", "\\|line|").split("\n"):
        yield "{{ " + line.replace("|line|", "\n") + " }}"
    for line in TEMPLATES.split("\n"):
        yield line.replace("|line|", "\n")
    yield "a\r\n{% if 1 %}\r\nb\r{% endif %}\r\nc\r\n"
    yield "{{ '\r\n' }}|{{ 'a\rb' }}\r"
    yield ""
    yield "\n"
    yield "plain"
